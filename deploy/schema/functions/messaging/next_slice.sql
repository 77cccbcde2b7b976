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
    v_keep boolean := messaging.fold_of(p_book_id) = 'keep';
    v_wide int;  -- the first sentence ahead that makes the whole UCS-2; 0: what stands around does; null: none
    v_wide_room int;
    v_wide_to int;
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
    v_wide := case when v_keep and not messaging.only_signs(p_foot) or v_head <> '' and t.title_folds >= case when v_keep then 1 else 2 end then 0
        else (select min(f.k) from unnest(t.folds) with ordinality f(x, k) where f.k > v_k and f.x >= case when v_keep then 1 else 2 end) end;
    select max(e.x) into v_to from unnest(t.ends, t.septets) with ordinality e(x, s, k)
    where e.x > v_at and e.s - v_from <= v_room and (v_wide is null or e.k < v_wide);
    if v_wide is not null and t.units is not null then
        v_wide_room := messaging.wide_room(p_segments, v_head, p_foot);
        v_wide_to := (select max(e.x) from unnest(t.ends, t.units) e(x, u)
            where e.x > v_at and e.u - case when v_k = 0 then 0 else t.units[v_k] end <= abs(v_wide_room));
        if greatest(v_to, v_wide_to) is null and v_wide <= v_k + 1 or v_wide_to > coalesce(v_to, 0) then
            return query select * from messaging.cut_slice(t, b.parts, v_at, v_wide_to, abs(v_wide_room),
                case when v_wide_room > 0 then v_head else '' end, case when v_wide_room > 0 then p_foot else '' end, true);
            return;
        end if;
    end if;
    return query select * from messaging.cut_slice(t, b.parts, v_at, v_to, v_room, v_head, p_foot, false);
end $$;
comment on function messaging.next_slice(bigint, int, int, int, text) is
'The next instalment of at most N segments from (part, at): the part''s title at its start, whole sentences as many as fit, the footer. Slices follow each other without gap or overlap and never cross a part. Counted as they are sent by the book''s rule (messaging.fold_of): in septets, or in UTF-16 units from where a letter that stays, or a character without counterpart, makes it UCS-2. No row: nothing is left.';

create or replace function messaging.wide_room(p_segments int, p_head text, p_foot text) returns int language plpgsql immutable as $$
declare
    v_all int := case when p_segments = 1 then 70 else p_segments * 66 end;
    v_room int := v_all - messaging.units(p_head) - case when p_foot = '' then 0 else messaging.units(p_foot) + 1 end;
begin
    return case when v_room >= 40 then v_room else -v_all end;
end $$;
comment on function messaging.wide_room(int, text, text) is
'UTF-16 units that a slice has for its text. A part of UCS-2 carries 67; one may stay unused where a pair would be cut. Negative: all of it, because title and foot would leave too little and are left out.';

create or replace function messaging.slice_size(p text, p_wide boolean) returns int language sql immutable as $$
    select case when p_wide then messaging.units(p) else messaging.septets(p) end
$$;
comment on function messaging.slice_size(text, boolean) is 'The size of a text as it is sent: wide in UTF-16 units, else in septets.';

create or replace function messaging.cut_slice(t catalog.part, p_parts int, p_at int, p_to int, p_room int, p_head text, p_foot text, p_wide boolean)
returns table (part int, at int, body text, to_part int, to_at int, segments int, book_end boolean) language plpgsql stable as $$
#variable_conflict use_column
declare
    v_to int := p_to;
    v_len int;
    v_text text;
begin
    if v_to is null then
        -- One sentence longer than the room: cut between words, or inside a word that has no end.
        v_len := least(p_room, t.chars - p_at);
        v_text := substr(t.body, p_at + 1, v_len);
        while messaging.slice_size(v_text, p_wide) > p_room loop
            v_len := v_len - greatest((messaging.slice_size(v_text, p_wide) - p_room) / case when p_wide then 2 else 3 end, 1);
            v_text := substr(t.body, p_at + 1, v_len);
        end loop;
        if p_at + v_len < t.chars and v_text ~ '\S\s+\S*$' then
            v_len := char_length(regexp_replace(v_text, '\S*$', ''));
        end if;
        v_to := p_at + greatest(v_len, 1);
    end if;
    v_text := p_head || btrim(substr(t.body, p_at + 1, v_to - p_at), E' \n') || case when p_foot = '' then '' else E'\n' || p_foot end;
    v_len := messaging.slice_size(v_text, p_wide);
    return query select t.no, p_at, v_text,
        case when v_to >= t.chars and t.no < p_parts then t.no + 1 else t.no end,
        case when v_to >= t.chars and t.no < p_parts then 0 else v_to end,
        case when p_wide then case when v_len <= 70 then 1 else (v_len + 65) / 66 end
            else case when v_len <= 160 then 1 else (v_len + 151) / 152 end end,
        v_to >= t.chars and t.no = p_parts;
end $$;
comment on function messaging.cut_slice(catalog.part, int, int, int, int, text, text, boolean) is
'The last step of next_slice: from p_at to p_to or, when no sentence end fits (null), between words. p_room and the segments are counted as it will be sent: p_wide in UTF-16 units (UCS-2), else in septets.';
