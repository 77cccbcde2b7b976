-- SPDX-License-Identifier: Apache-2.0
-- M3: STOP and its way back. The consent ledger is evidence, identity.stopped_at the state.

create or replace function auth.stop(p_identity_id bigint, p_step_key text)
returns table (outcome text, message_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'stop');
    v_now timestamptz := ops.now();
    i auth.identity;
    m messaging.message;
    v_flagged int;
    v_id bigint;
begin
    if v is null then
        select * into i from auth.identity where id = p_identity_id for no key update;
        if i.stopped_at is not null then
            v := jsonb_build_object('outcome', 'already', 'message_id', null);
        else
            update auth.identity set stopped_at = v_now where id = p_identity_id;
            insert into auth.consent (identity_id, granted, step_key, at) values (p_identity_id, false, p_step_key, v_now);
            for m in select * from messaging.message
                     where identity_id = p_identity_id and state = 'queued' and kind in ('instalment', 'notice')
                     order by id desc for update loop
                update messaging.message set state = 'cancelled', done_at = v_now where id = m.id;
                perform messaging.rewind(m.id);
            end loop;
            update messaging.message set cancel_asked = true
            where identity_id = p_identity_id and state in ('claimed', 'sending') and kind in ('instalment', 'notice');
            get diagnostics v_flagged = row_count;
            select e.message_id into v_id from messaging.enqueue(p_identity_id, 'reply',
                (select u.lang from auth.users u where u.id = i.user_id), 'stop_done', '{}', null) e;
            if v_flagged > 0 then
                update messaging.message set due_at = 'infinity' where id = v_id;
            end if;
            v := jsonb_build_object('outcome', 'stopped', 'message_id', v_id);
        end if;
        perform ops.step_end(p_step_key, 'stop', v);
    end if;
    return query select r.* from jsonb_to_record(v) as r(outcome text, message_id bigint);
end $$;
comment on function auth.stop(bigint, text) is
'outcome: stopped | already. Cancels queued instalments and notices (the position goes back to unsent text), flags those being sent, and enqueues the confirmation, held until none of them is sending (M3). Receipts, codes and replies are not subject to STOP.';

create or replace function auth.start_again(p_identity_id bigint, p_step_key text)
returns table (outcome text, message_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'start');
    i auth.identity;
    v_id bigint;
begin
    if v is null then
        select * into i from auth.identity where id = p_identity_id for no key update;
        if i.stopped_at is null then
            v := jsonb_build_object('outcome', 'already', 'message_id', null);
        else
            update auth.identity set stopped_at = null where id = p_identity_id;
            insert into auth.consent (identity_id, granted, step_key, at) values (p_identity_id, true, p_step_key, ops.now());
            select e.message_id into v_id from messaging.enqueue(p_identity_id, 'reply',
                (select u.lang from auth.users u where u.id = i.user_id), 'start_done', '{}', null) e;
            v := jsonb_build_object('outcome', 'started', 'message_id', v_id);
        end if;
        perform ops.step_end(p_step_key, 'start', v);
    end if;
    return query select r.* from jsonb_to_record(v) as r(outcome text, message_id bigint);
end $$;
comment on function auth.start_again(bigint, text) is 'outcome: started | already.';
