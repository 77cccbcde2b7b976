-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.repeat_instalment(p_user_id bigint, p_identity_id bigint, p_step_key text)
returns table (outcome text, message_id bigint, segments int, title text) language plpgsql as $$
declare
    v jsonb := ops.step_begin(p_step_key, 'repeat');
begin
    if v is null then
        v := messaging.repeat_once(p_user_id, p_identity_id);
        perform ops.step_end(p_step_key, 'repeat', v);
    end if;
    return query select r.* from jsonb_to_record(v) as r(outcome text, message_id bigint, segments int, title text);
end $$;
comment on function messaging.repeat_instalment(bigint, bigint, text) is
'The last instalment that left for this phone, once more, counted against the allowance; the position stays.
outcome: queued | busy (one is queued or being sent, or waits for its receipt: its message) | stopped | locked | allowance | none (nothing was sent yet). Idempotent by step (S2).';

create or replace function messaging.repeat_once(p_user_id bigint, p_identity_id bigint) returns jsonb language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    i auth.identity;
    m messaging.message;
    b catalog.book;
    a record;
    v_id bigint;
begin
    perform 1 from auth.users u where u.id = p_user_id for no key update;
    select * into i from auth.identity where id = p_identity_id and user_id = p_user_id and gone_at is null for share;
    select * into m from messaging.message
    where identity_id = p_identity_id and kind = 'instalment' and state not in ('cancelled', 'failed', 'expired') order by id desc limit 1;
    select * into b from catalog.book where id = m.book_id and status = 'published';
    select * into a from billing.allowance(p_user_id);
    if b.id is null or i.id is null then
        return jsonb_build_object('outcome', 'none', 'segments', 0, 'title', '');
    elsif i.stopped_at is not null then
        return jsonb_build_object('outcome', 'stopped', 'segments', 0, 'title', b.title);
    elsif m.state in ('queued', 'claimed', 'sending') or (m.state = 'unknown' and m.done_at
           + coalesce((select ac.unknown_hold from messaging.account ac where ac.name = m.account), '60 seconds') > v_now) then
        return jsonb_build_object('outcome', 'busy', 'message_id', m.id, 'segments', m.segments, 'title', b.title);
    elsif not billing.may_send(p_user_id, b.id, m.from_part, v_now) then
        return jsonb_build_object('outcome', 'locked', 'segments', 0, 'title', b.title);
    elsif m.segments > a.left_month then
        return jsonb_build_object('outcome', 'allowance', 'segments', 0, 'title', b.title);
    end if;
    insert into messaging.message (account, identity_id, user_id, kind, priority, body, lang, encoding, segments, due_at, expires_at,
                                   book_id, from_part, from_at, to_part, to_at, repeats, fold, created_at)
    values (messaging.account_for(i.country, i.network), i.id, p_user_id, 'instalment', 3, m.body, m.lang, m.encoding, m.segments, v_now,
            v_now + interval '12 hours', m.book_id, m.from_part, m.from_at, m.to_part, m.to_at, coalesce(m.repeats, m.id), m.fold, v_now)
    returning id into v_id;
    insert into messaging.usage as g (user_id, day, segments) values (p_user_id, a.today, m.segments)
    on conflict (user_id, day) do update set segments = g.segments + excluded.segments;
    return jsonb_build_object('outcome', 'queued', 'message_id', v_id, 'segments', m.segments, 'title', b.title);
end $$;
comment on function messaging.repeat_once(bigint, bigint) is 'The body of repeat_instalment, under the lock of the reader''s row.';
