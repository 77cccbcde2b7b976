-- SPDX-License-Identifier: Apache-2.0
create or replace function reading.save_position(p_user_id bigint, p_book_id bigint, p_part int, p_at int, p_source text)
returns table (outcome text, part int, at int, version bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    t record;
    v_part int;
    v_at int;
    v_end boolean;
    v_version bigint;
begin
    select b.parts, g.no, g.chars into t
    from catalog.book b
    left join catalog.part g on g.book_id = b.id and g.no = least(greatest(p_part, 1), b.parts)
    where b.id = p_book_id;
    if t.no is null then
        return query select 'none', 0, 0, 0::bigint;
        return;
    end if;
    v_part := t.no;
    v_at := case when p_part > t.parts then t.chars else least(greatest(p_at, 0), t.chars) end;
    v_end := v_part = t.parts and v_at >= t.chars;
    if v_at >= t.chars and not v_end then
        v_part := v_part + 1;
        v_at := 0;
    end if;
    if v_end or (v_at = 0 and v_part > 1) then
        perform reading.part_done(p_user_id, p_book_id, case when v_end then v_part else v_part - 1 end, v_part, v_at);
    end if;
    insert into reading.position as p (user_id, book_id, part, at, source, updated_at, finished_at)
    values (p_user_id, p_book_id, v_part, v_at, p_source, v_now, case when v_end then v_now end)
    on conflict (user_id, book_id) do update
        set part = excluded.part, at = excluded.at, source = excluded.source, updated_at = excluded.updated_at,
            finished_at = case when v_end then coalesce(p.finished_at, v_now) end, version = p.version + 1
    returning p.version into v_version;
    if v_version = 1 then
        insert into recommendation.interaction (user_id, book_id, kind, source, at)
        values (p_user_id, p_book_id, 'read_start', p_source, v_now) on conflict do nothing;
    end if;
    if v_end then
        insert into recommendation.interaction (user_id, book_id, kind, source, at)
        values (p_user_id, p_book_id, 'read_complete', p_source, v_now) on conflict do nothing;
    end if;
    return query select 'ok', v_part, v_at, v_version;
end $$;
comment on function reading.save_position(bigint, bigint, int, int, text) is
'The next character to read; the last write wins. Brought inside the text; the end of a part is the start of the next. source: ussd | sms | rest | opds | koreader. outcome: ok | none (no such book).';
