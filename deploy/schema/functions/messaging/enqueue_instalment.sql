-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.enqueue_instalment(p_user_id bigint, p_identity_id bigint, p_book_id bigint, p_step_key text)
returns table (outcome text, message_id bigint, segments int, part int, title text) language plpgsql as $$
declare
    v jsonb := ops.step_begin(p_step_key, 'instalment');
begin
    if v is null then
        v := messaging.instalment_once(p_user_id, p_identity_id, p_book_id);
        perform ops.step_end(p_step_key, 'instalment', v);
    end if;
    return query select r.* from jsonb_to_record(v) as r(outcome text, message_id bigint, segments int, part int, title text);
end $$;
comment on function messaging.enqueue_instalment(bigint, bigint, bigint, text) is
'The next slice of a book by SMS; the position moves in the same transaction. book_id null or 0: the book last read.
outcome: queued | busy (an earlier instalment of this book is queued or being sent, or waits for its receipt: its message) | stopped | locked (needs a pass) |
allowance (none left today or this month; reading goes on by USSD) | end | none (no such book). Idempotent by step (S2).';

create or replace function messaging.instalment_once(p_user_id bigint, p_identity_id bigint, p_book_id bigint)
returns jsonb language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_book bigint := coalesce(nullif(p_book_id, 0), (select k.book_id from reading.continue(p_user_id) k));
    b catalog.book;
    i auth.identity;
    u auth.users;
    m messaging.message;
    a record;
    s record;
    p record;
    v_id bigint;
begin
    select * into u from auth.users where id = p_user_id for no key update;
    select * into i from auth.identity where id = p_identity_id for share;
    select * into b from catalog.book where id = v_book and status = 'published';
    if b.id is null or i.id is null or i.gone_at is not null or i.user_id <> p_user_id then
        return jsonb_build_object('outcome', 'none', 'segments', 0, 'part', 0, 'title', '');
    elsif i.stopped_at is not null then
        return jsonb_build_object('outcome', 'stopped', 'segments', 0, 'part', 0, 'title', b.title);
    end if;
    select * into m from messaging.message
    where user_id = p_user_id and book_id = v_book and kind = 'instalment' order by id desc limit 1;
    if m.state = 'unknown' and messaging.adopt_orphans(m.id) > 0 then
        select * into m from messaging.message where id = m.id;
    end if;
    if m.state in ('queued', 'claimed', 'sending') or (m.state = 'unknown' and m.done_at
           + coalesce((select ac.unknown_hold from messaging.account ac where ac.name = m.account), '60 seconds') > v_now) then
        return jsonb_build_object('outcome', 'busy', 'message_id', m.id, 'segments', m.segments, 'part', m.from_part, 'title', b.title);
    elsif m.state = 'unknown' then
        -- The reader asks again and no receipt came: not a blind repeat (M4).
        perform messaging.rewind(m.id);
    end if;
    select coalesce(r.part, 1) as part, coalesce(r.at, 0) as at into p
    from (select 1) one left join reading.position r on r.user_id = p_user_id and r.book_id = v_book;
    select * into a from billing.allowance(p_user_id);
    select * into s from messaging.next_slice(v_book, p.part, p.at, greatest(least(a.segments, a.left_month), 1),
        coalesce(messaging.render_for(messaging.account_for(i.country, i.network), i.country, 'instalment_foot', u.lang, '{}'), ''));
    if s.part is null then
        perform reading.save_position(p_user_id, v_book, b.parts + 1, 0, 'sms');
        return jsonb_build_object('outcome', 'end', 'segments', 0, 'part', b.parts, 'title', b.title);
    elsif not billing.may_send(p_user_id, v_book, s.part, v_now) then
        return jsonb_build_object('outcome', 'locked', 'segments', 0, 'part', s.part, 'title', b.title);
    elsif a.left_month < 1 then
        return jsonb_build_object('outcome', 'allowance', 'segments', 0, 'part', s.part, 'title', b.title);
    end if;
    insert into messaging.message (account, identity_id, user_id, kind, priority, body, lang, segments, due_at, expires_at,
                                   book_id, from_part, from_at, to_part, to_at, fold, created_at)
    values (messaging.account_for(i.country, i.network), i.id, p_user_id, 'instalment', 3, s.body, b.language, s.segments, v_now,
            v_now + interval '12 hours', v_book, s.part, s.at, s.to_part, s.to_at, messaging.fold_of(v_book), v_now)
    returning id into v_id;
    perform reading.save_position(p_user_id, v_book, s.to_part, s.to_at, 'sms');
    insert into messaging.usage as g (user_id, day, segments) values (p_user_id, a.today, s.segments)
    on conflict (user_id, day) do update set segments = g.segments + excluded.segments;
    return jsonb_build_object('outcome', 'queued', 'message_id', v_id, 'segments', s.segments, 'part', s.part, 'title', b.title);
end $$;
comment on function messaging.instalment_once(bigint, bigint, bigint) is
'The body of enqueue_instalment, under the lock of the reader''s row: two requests at once make one instalment. A nearly used allowance shortens the slice to what is left.';
