-- SPDX-License-Identifier: Apache-2.0
-- M3: STOP, PAUSE and the way back. The consent ledger is evidence, stopped_at and paused_at of the identity the state.

create or replace function auth.consent_put(p_identity_id bigint, p_what text, p_way text, p_text_key text, p_step_key text)
returns void language plpgsql as $$
begin
    insert into auth.consent (identity_id, granted, what, way, text_key, step_key, at)
    values (p_identity_id, p_what in ('start', 'resume', 'schedule') and p_text_key <> 'daily_off', p_what, p_way, p_text_key, p_step_key, ops.now());
end $$;
comment on function auth.consent_put(bigint, text, text, text, text) is
'One row of the ledger, in the transaction of what it proves. what: stop | start | pause | resume | schedule; way: sms | ussd | rest | rule.';

create or replace function auth.confirm(p_identity_id bigint, p_template text, p_held boolean) returns bigint language plpgsql as $$
declare
    v_lang text := (select u.lang from auth.identity i join auth.users u on u.id = i.user_id where i.id = p_identity_id);
    v_id bigint;
begin
    select e.message_id into v_id from messaging.enqueue(p_identity_id, 'reply', v_lang, p_template, '{}', null) e;
    if p_held then
        update messaging.message set due_at = 'infinity' where id = v_id;
    end if;
    return v_id;
end $$;
comment on function auth.confirm(bigint, text, boolean) is
'The reply that tells a reader what was done, in the reader''s language; held: until no flagged message is being sent (M3).';

create or replace function auth.stop_by(p_identity_id bigint, p_step_key text, p_way text)
returns table (outcome text, message_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'stop');
    i auth.identity;
    v_flagged int;
begin
    if v is null then
        -- The reader's row before her number's: what ends a mandate holds it.
        perform 1 from auth.users u where u.id = (select x.user_id from auth.identity x where x.id = p_identity_id) for no key update;
        select * into i from auth.identity where id = p_identity_id for no key update;
        -- Also of a phone that said it before: she may have agreed since with another one.
        perform billing.mandate_end(i.user_id, 'STOP by ' || p_way);
        if i.stopped_at is not null then
            v := jsonb_build_object('outcome', 'already', 'message_id', null);
        else
            update auth.identity set stopped_at = ops.now() where id = p_identity_id;
            perform auth.consent_put(p_identity_id, 'stop', p_way, 'stop_done', p_step_key);
            v_flagged := messaging.cancel_unsent(p_identity_id, '{instalment,notice,esme}');
            v := jsonb_build_object('outcome', 'stopped', 'message_id', auth.confirm(p_identity_id, 'stop_done', v_flagged > 0));
        end if;
        perform ops.step_end(p_step_key, 'stop', v);
    end if;
    return query select r.* from jsonb_to_record(v) as r(outcome text, message_id bigint);
end $$;
comment on function auth.stop_by(bigint, text, text) is
'outcome: stopped | already. Cancels queued instalments, notices and messages of ESMEs (the position goes back to unsent text), flags those being sent, and enqueues the confirmation, held until none of them is sending (M3). Receipts, codes and replies are not subject to STOP. What is paid stays: no pass is touched, and one that renewed itself does so no more (billing.mandate_over).';

create or replace function auth.stop(p_identity_id bigint, p_step_key text)
returns table (outcome text, message_id bigint) language plpgsql as $$
begin
    return query select s.outcome, s.message_id from auth.stop_by(p_identity_id, p_step_key, 'ussd') s;
end $$;
comment on function auth.stop(bigint, text) is 'Of the release before: stop_by over USSD.';

create or replace function auth.pause_by(p_identity_id bigint, p_step_key text, p_way text)
returns table (outcome text, message_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'pause');
    i auth.identity;
    v_flagged int;
begin
    if v is null then
        select * into i from auth.identity where id = p_identity_id for no key update;
        if i.stopped_at is not null or i.paused_for is not distinct from 'reader' then
            v := jsonb_build_object('outcome', 'already', 'message_id', null);
        else
            update auth.identity set paused_at = ops.now(), paused_for = 'reader' where id = p_identity_id;
            perform auth.consent_put(p_identity_id, 'pause', p_way, 'pause_done', p_step_key);
            v_flagged := messaging.cancel_unsent(p_identity_id, '{instalment,notice}');
            v := jsonb_build_object('outcome', 'paused', 'message_id', auth.confirm(p_identity_id, 'pause_done', v_flagged > 0));
        end if;
        perform ops.step_end(p_step_key, 'pause', v);
    end if;
    return query select r.* from jsonb_to_record(v) as r(outcome text, message_id bigint);
end $$;
comment on function auth.pause_by(bigint, text, text) is
'outcome: paused | already (paused or stopped). As STOP for what is queued or being sent; afterwards nothing comes unasked, but SUITE, LIRE and REPETER still answer.';

create or replace function auth.start_again_by(p_identity_id bigint, p_step_key text, p_way text)
returns table (outcome text, message_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'start');
    i auth.identity;
begin
    if v is null then
        select * into i from auth.identity where id = p_identity_id for no key update;
        if i.gone_at is not null or (i.stopped_at is null and i.paused_at is null) then
            v := jsonb_build_object('outcome', 'already', 'message_id', null);
        else
            update auth.identity set stopped_at = null, paused_at = null, paused_for = null, lifted_at = ops.now() where id = p_identity_id;
            perform auth.consent_put(p_identity_id, case when i.stopped_at is null then 'resume' else 'start' end, p_way, 'start_done', p_step_key);
            v := jsonb_build_object('outcome', 'started', 'message_id', auth.confirm(p_identity_id, 'start_done', false));
        end if;
        perform ops.step_end(p_step_key, 'start', v);
    end if;
    return query select r.* from jsonb_to_record(v) as r(outcome text, message_id bigint);
end $$;
comment on function auth.start_again_by(bigint, text, text) is 'outcome: started | already. Ends STOP and PAUSE alike.';

create or replace function auth.start_again(p_identity_id bigint, p_step_key text)
returns table (outcome text, message_id bigint) language plpgsql as $$
begin
    return query select s.outcome, s.message_id from auth.start_again_by(p_identity_id, p_step_key, 'ussd') s;
end $$;
comment on function auth.start_again(bigint, text) is 'Of the release before: start_again_by over USSD.';
