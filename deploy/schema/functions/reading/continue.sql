-- SPDX-License-Identifier: Apache-2.0
create or replace function reading.continue(p_user_id bigint)
returns table (book_id bigint, title text, part int, at int) language sql stable as $$
    select b.id, b.title, p.part, p.at
    from reading.position p
    join catalog.book b on b.id = p.book_id
    where p.user_id = p_user_id and p.finished_at is null and b.status not in ('draft', 'archived') -- as in catalog.book_card
    order by p.updated_at desc, p.book_id desc
    limit 1
$$;
comment on function reading.continue(bigint) is 'The book last read and not finished; no row when there is none.';
