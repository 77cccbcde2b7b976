-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.next_slice(p_book_id bigint, p_part int, p_at int, p_segments int, p_foot text)
returns table (part int, at int, body text, to_part int, to_at int, segments int, book_end boolean) language plpgsql stable as $$
#variable_conflict use_column
declare
    b catalog.book;
    t catalog.part;
    v_at int := greatest(p_at, 0);
    v_room int;
    v_from int;
    v_to int := 0;
    v_k int;
    v_head text := '';
    v_text text;
    v_len int;
begin
    select * into b from catalog.book where id = p_book_id;
    select * into t from catalog.part where book_id = p_book_id and no = p_part;
    if found and v_at >= t.chars then
        v_at := 0;
        select * into t from catalog.part where book_id = p_book_id and no = p_part + 1;
    end if;
    if t.no is null then
        return;
    end if;
    if v_at = 0 and t.title <> '' then
        v_head := left(t.title, 60) || E'\n';
    end if;
    -- A concatenated part carries 153 septets; one may stay unused where an escape pair would be cut.
    v_room := case when p_segments = 1 then 160 else p_segments * 152 end
        - messaging.septets(v_head) - case when p_foot = '' then 0 else messaging.septets(p_foot) + 1 end;
    -- Septets at the offset: exact at a sentence end, else those of the sentence's start, which can only overcount.
    v_k := (select count(*) from unnest(t.ends) e where e <= v_at);
    v_from := case when v_k = 0 then 0 else t.septets[v_k] end;
    select max(e.x) into v_to from unnest(t.ends, t.septets) e(x, s) where e.x > v_at and e.s - v_from <= v_room;
    if v_to is null then
        -- One sentence longer than the room: cut between words, or inside a word that has no end.
        v_len := least(v_room, t.chars - v_at);
        v_text := substr(t.body, v_at + 1, v_len);
        while messaging.septets(v_text) > v_room loop
            v_len := v_len - greatest((messaging.septets(v_text) - v_room) / 3, 1);
            v_text := substr(t.body, v_at + 1, v_len);
        end loop;
        if v_at + v_len < t.chars and v_text ~ '\S\s+\S*$' then
            v_len := char_length(regexp_replace(v_text, '\S*$', ''));
        end if;
        v_to := v_at + greatest(v_len, 1);
    end if;
    v_text := v_head || btrim(substr(t.body, v_at + 1, v_to - v_at), E' \n') || case when p_foot = '' then '' else E'\n' || p_foot end;
    v_len := messaging.septets(v_text);
    return query select t.no, v_at, v_text,
        case when v_to >= t.chars and t.no < b.parts then t.no + 1 else t.no end,
        case when v_to >= t.chars and t.no < b.parts then 0 else v_to end,
        case when v_len <= 160 then 1 else (v_len + 151) / 152 end,
        v_to >= t.chars and t.no = b.parts;
end $$;
comment on function messaging.next_slice(bigint, int, int, int, text) is
'The next instalment of at most N segments from (part, at): the part''s title at its start, whole sentences as many as fit, the footer. Slices follow each other without gap or overlap and never cross a part. No row: nothing is left.';
