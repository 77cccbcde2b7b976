-- SPDX-License-Identifier: Apache-2.0
create or replace function reading.slice(p_user_id bigint, p_book_id bigint, p_part int, p_at int, p_max_chars int)
returns table (outcome text, part int, part_title text, at int, body text, at_end boolean, next_part int) language sql stable as $$
    select case when t.no is null then 'end' when not m.may then 'locked' else 'ok' end,
        coalesce(t.no, b.parts), coalesce(t.title, ''),
        case when t.no is null then 0 else s.at end,
        case when m.may then substr(t.body, s.at + 1, p_max_chars) else '' end,
        coalesce(s.at + p_max_chars >= t.chars, true),
        case when t.no < b.parts then t.no + 1 else 0 end
    from catalog.book b
    left join catalog.part g on g.book_id = b.id and g.no = p_part
    cross join lateral (select case when p_at >= g.chars then p_part + 1 else p_part end as no,
                               case when p_at >= g.chars then 0 else greatest(p_at, 0) end as at) s
    left join catalog.part t on t.book_id = b.id and t.no = s.no
    cross join lateral (select t.no is not null and billing.may_read(p_user_id, b.id, t.no, null) as may) m
    where b.id = p_book_id and b.status not in ('draft', 'archived') -- as in catalog.book_card
$$;
comment on function reading.slice(bigint, bigint, int, int, int) is
'At most max_chars characters of a part from an offset; at the end of a part, the start of the next.
outcome: ok | locked (no pass for this part; no text) | end (past the last part). at_end: the slice ends its part; next_part 0 = none. No row: no such book.';
