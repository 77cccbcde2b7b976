-- SPDX-License-Identifier: Apache-2.0
create or replace function catalog.book_card(p_user_id bigint, p_book_ref text, p_lang text)
returns table (id bigint, code int, title text, author text, summary text, parts int, free_parts int,
               may_read boolean, position_part int) language sql stable as $$
    select b.id, b.code, b.title, b.author_line, b.summary, b.parts, b.free_parts,
        billing.may_read(p_user_id, b.id, coalesce(p.part, 1), null),
        coalesce(p.part, 0)
    from (select case when p_book_ref ~ '^[0-9]{1,18}$' then p_book_ref::bigint end as ref) r
    cross join lateral (
        select c.* from catalog.book c where c.code = r.ref
        union all
        select c.* from catalog.book c where c.id = r.ref) b
    left join reading.position p on p.user_id = p_user_id and p.book_id = b.id
    -- Said this way so that no partial index of published books is walked in place of the key.
    where b.status not in ('draft', 'archived')
$$;
comment on function catalog.book_card(bigint, text, text) is
'One book by its id or its code (no text can be both). may_read: the part at the reader''s position; position_part 0 = not begun. No row: no such book.';
