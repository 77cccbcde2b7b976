-- SPDX-License-Identifier: Apache-2.0
create or replace function reading.part_done(p_user_id bigint, p_book_id bigint, p_part int, p_to_part int, p_to_at int) returns void language plpgsql as $$
declare
    v_now timestamptz := ops.now();
begin
    insert into reading.part_read (month, book_id, part, user_id, chars)
    select date_trunc('month', v_now at time zone k.time_zone)::date, t.book_id, t.no, u.id, t.chars
    from auth.users u
    join ops.country k on k.code = u.country
    join catalog.part t on t.book_id = p_book_id and t.no = p_part
    left join reading.position p on p.user_id = u.id and p.book_id = t.book_id
    where u.id = p_user_id and coalesce(p.part, 1) = p_part and (p.part, p.at) is distinct from (p_to_part, p_to_at)
      and (billing.pass_of(u.id, v_now)).worth_minor > 0
    on conflict do nothing;
end $$;
comment on function reading.part_done(bigint, bigint, int, int, int) is
'A reader goes from a part to what comes after its end: it counts for its authors (reading.part_read), if she stood in it and her pass, or her family''s, was paid by somebody. To be called before the position moves.';
