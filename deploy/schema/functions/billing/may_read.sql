-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.may_read(p_user_id bigint, p_book_id bigint, p_part int, p_at timestamptz)
returns boolean language plpgsql stable as $$
begin
    return exists (select 1 from catalog.book b where b.id = p_book_id and p_part <= b.free_parts)
        or exists (select 1 from billing.entitlement e
                   where e.user_id = p_user_id and e.ends_at > coalesce(p_at, ops.now())
                     and e.starts_at <= coalesce(p_at, ops.now()));
end $$;
comment on function billing.may_read(bigint, bigint, int, timestamptz) is
'The one right: the first free_parts of a book are free, the rest needs a pass at that time (null = now).';
