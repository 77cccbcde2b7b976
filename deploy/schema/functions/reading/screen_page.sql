-- SPDX-License-Identifier: Apache-2.0
create or replace function reading.open_free_page(p_user_id bigint, p_book_id bigint, p_part int, p_at int)
returns text language plpgsql as $$
declare
    v_pages int;
    v_today date;
begin
    select p.pages_day, a.today into v_pages, v_today
    from billing.allowance(p_user_id) a join billing.plan p on p.code = a.plan_code;
    if coalesce(v_pages, 0) = 0 then
        return 'locked';
    end if;
    if exists (select 1 from reading.free_page f where f.user_id = p_user_id and f.day = v_today
               and f.book_id = p_book_id and f.part = p_part and f.at = p_at) then
        return 'ok';
    end if;
    perform 1 from auth.users u where u.id = p_user_id for no key update; -- two phones of a reader count one after the other
    if (select count(*) from reading.free_page f where f.user_id = p_user_id and f.day = v_today) >= v_pages then
        return 'tomorrow';
    end if;
    insert into reading.free_page (user_id, day, book_id, part, at)
    values (p_user_id, v_today, p_book_id, p_part, p_at) on conflict do nothing;
    return 'ok';
end $$;
comment on function reading.open_free_page(bigint, bigint, int, int) is
'A page of a part that needs a pass: ok (it is one of today''s free pages, or becomes one) | tomorrow (they are used up) | locked (the plan has none).';

create or replace function reading.screen_page(p_user_id bigint, p_book_id bigint, p_part int, p_at int, p_max_chars int)
returns table (outcome text, part int, part_title text, at int, body text) language plpgsql as $$
#variable_conflict use_column
declare
    v_part int := p_part;
    v_at int := p_at;
    s record;
begin
    if v_part is null then
        select p.part, p.at into v_part, v_at from reading.position p where p.user_id = p_user_id and p.book_id = p_book_id;
    end if;
    select * into s from reading.slice(p_user_id, p_book_id, coalesce(v_part, 1), coalesce(v_at, 0), p_max_chars);
    if s.outcome is null then
        return;
    end if;
    if s.outcome = 'locked' then
        s.outcome := reading.open_free_page(p_user_id, p_book_id, s.part, s.at);
        if s.outcome = 'ok' then
            s.body := (select substr(t.body, s.at + 1, p_max_chars) from catalog.part t where t.book_id = p_book_id and t.no = s.part);
        end if;
    end if;
    perform reading.save_position(p_user_id, p_book_id, case s.outcome when 'end' then s.part + 1 else s.part end, s.at, 'ussd');
    return query select s.outcome, s.part, s.part_title, s.at, s.body;
end $$;
comment on function reading.screen_page(bigint, bigint, int, int, int) is
'A page for the USSD screen from a place, or with part null from the reader''s own; the place is saved with it, at a locked part too: it is kept for the day there is a pass. Past the end the book is finished.
outcome: ok | end | locked | tomorrow (as reading.open_free_page). No row: no such book.';
