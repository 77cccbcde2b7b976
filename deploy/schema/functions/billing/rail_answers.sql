-- SPDX-License-Identifier: Apache-2.0
-- What rails answered, many at once: locked, judged one by one (billing.charge_event), written together.

create or replace function billing.answers_lock(p_charges bigint[], p_wait boolean) returns bigint[] language plpgsql as $$
declare
    v_users bigint[] := array(select c.user_id from billing.charge c where c.id = any (p_charges));
begin
    -- Users, then charges, each in the order of their ids, as everywhere.
    if p_wait then
        perform 1 from auth.users u where u.id = any (v_users) order by u.id for no key update;
        return array(select c.id from billing.charge c where c.id = any (p_charges) order by c.id for update);
    end if;
    v_users := array(select u.id from auth.users u where u.id = any (v_users) order by u.id for no key update skip locked);
    return array(select c.id from billing.charge c where c.id = any (p_charges) and c.user_id = any (v_users) order by c.id for update skip locked);
end $$;
comment on function billing.answers_lock(bigint[], boolean) is
'The readers of these charges and the charges, locked: which ones. Without p_wait what another transaction holds is left out, so that nobody is waited for.';

create or replace function billing.rail_answers(p_answers jsonb, p_wait boolean)
returns table (outcome text, state text, version int) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_said billing.rail_said[] := array(select x from jsonb_populate_recordset(null::billing.rail_said, p_answers) x);
    v_held bigint[] := billing.answers_lock(array(select a.charge from unnest(v_said) a), p_wait);
    v_size int[] := array[cardinality(v_said)];
    v_outcomes text[] := array_fill(case when p_wait then 'missing' else 'busy' end, v_size);
    v_states text[] := array_fill(null::text, v_size);
    v_versions int[] := array_fill(null::int, v_size);
    v_readers bigint[] := '{}';
    v_steps billing.charge_step[] := '{}';
    v record;
    c billing.charge;
    s billing.charge_step;
begin
    for v in
        select n, v_said[n] as said, ch as charge, ra as rail from generate_subscripts(v_said, 1) n
        join billing.charge ch on ch.id = v_said[n].charge and ch.id = any (v_held)
        join billing.rail ra on ra.code = ch.rail
        order by n
    loop
        c := v.charge;
        if c.version <> (v.said).version then
            v_outcomes[v.n] := 'stale';
        elsif c.user_id = any (v_readers) then
            v_outcomes[v.n] := 'busy';
            continue;
        else
            s := billing.charge_event(c, v.rail, v.said, v_now);
            if s.now is null then
                v_outcomes[v.n] := 'ignored';
                perform billing.answer_ignored(s);
            else
                v_outcomes[v.n] := 'ok';
                v_steps := v_steps || s;
                v_readers := v_readers || c.user_id;
                c := s.now;
            end if;
        end if;
        v_states[v.n] := c.state;
        v_versions[v.n] := c.version;
    end loop;
    perform billing.take_steps(v_steps, v_now);
    return query select o.outcome, o.state, o.version
                 from unnest(v_outcomes, v_states, v_versions) with ordinality o(outcome, state, version, n) order by o.n;
end $$;
comment on function billing.rail_answers(jsonb, boolean) is
'The only way to change a claimed charge: what rails answered about charges, in one transaction, a row each in their order: [{charge, version, event, http, reason, txn, amount, currency, next_poll_s, rail_ref, link, link_sealed, memo_sealed, callback_mac (hex), expires_s}].
event: accepted duplicate pending sync_success success declined expired not_sent unknown rejected not_found not_issued code_refused unresolved mismatch. next_poll_s > 0 overrides the ladder (Retry-After). expires_s: how long link or prompt are good, 0 = the rail''s usual; of a link, never longer than billing.rail.prompt_s (its reader may pay otherwise) and link_s (it is ended).
outcome: ok | stale (another claim came since: version) | ignored (no legal move: a final state stands, alert; I10) | missing | busy: to be recorded alone. Without p_wait a reader or charge that another transaction holds is busy, so that a batch waits for nobody and two batches never for each other; and so is the second answer of a reader in a batch, since what a payment is worth may depend on her other one (I1).';

create or replace function billing.answer_ignored(p_step billing.charge_step) returns void language plpgsql as $$
declare
    c billing.charge := p_step.was;
begin
    perform ops.audit_put('billing', 'alert.charge_event', 'charge:' || c.id,
        jsonb_build_object('state', c.state, 'event', p_step.event, 'reason', left((p_step.said).reason, 100)));
    update billing.charge set due_at = null where id = c.id and state in ('SUCCEEDED', 'SUCCEEDED_LATE', 'REVIEW');
end $$;
comment on function billing.answer_ignored(billing.charge_step) is 'An answer without a legal move: a person is told, and what is final is asked about no more (I10).';

create or replace function billing.take_steps(p_steps billing.charge_step[], p_now timestamptz) returns void language plpgsql as $$
declare
    s billing.charge_step;
begin
    update billing.attempt a set done_at = p_now, http_status = (t.said).http, event = t.event
    from unnest(p_steps) t where (t.was).state = 'SUBMITTING' and a.charge_id = (t.was).id and a.n = (t.was).attempts;
    update billing.charge ch set state = n.state, version = n.version, reason = n.reason, rail_txn = n.rail_txn, not_found = n.not_found,
        first_not_found_at = n.first_not_found_at, prompt_expires_at = n.prompt_expires_at, prompt_expired = n.prompt_expired,
        ended_at = n.ended_at, settlement = n.settlement, due_at = n.due_at, claimed_by = null, claimed_epoch = null,
        superseded = n.superseded, rail_ref = n.rail_ref, memo_sealed = n.memo_sealed, callback_mac = n.callback_mac
    from (select (t.now).* from unnest(p_steps) t) n where ch.id = n.id;
    perform billing.settle(array(select (t.now).id from unnest(p_steps) t where (t.now).state in ('SUCCEEDED', 'SUCCEEDED_LATE')), 'clearing');
    foreach s in array p_steps loop
        perform billing.step_told(s, p_now);
    end loop;
    -- The gates of rails come last, and each in their order: a batch holds all that it took.
    for s in
        select t.was, t.now, t.event, t.said from unnest(p_steps) with ordinality t(was, now, event, said, n)
        where (t.was).state = 'SUBMITTING' order by (t.was).rail, t.n
    loop
        perform billing.rail_heard(s.was, s.event, (s.said).http, (s.said).reason, p_now);
    end loop;
end $$;
comment on function billing.take_steps(billing.charge_step[], timestamptz) is
'Writes what answers made of charges of different readers, whose rows are locked; a success settles in this transaction (I4).';

create or replace function billing.step_told(p_step billing.charge_step, p_now timestamptz) returns void language plpgsql as $$
declare
    was billing.charge := p_step.was;
    c billing.charge := p_step.now;
    a billing.rail_said := p_step.said;
begin
    if c.state = 'REVIEW' then
        perform billing.hold_charge(c.id, a.amount, a.currency, a.txn);
    elsif c.state in ('READY', 'CREATED') then
        -- What was submitted under this reference is over, and nobody can pay it: the next submit has a new one (I3).
        if p_step.event in ('not_issued', 'code_refused') then
            perform billing.fresh_reference(c.id, p_step.event);
        end if;
        if c.state = 'CREATED' then
            perform billing.code_again(c.id);
        end if;
    elsif c.state = 'FAILED' and was.state <> c.state then
        perform billing.charge_notice(c.id, case p_step.event when 'code_refused' then 'wrong_codes' else 'declined' end);
    elsif c.state = 'EXPIRED' and was.state <> c.state then
        perform billing.charge_notice(c.id, 'expired');
    elsif c.state = 'UNRESOLVED' and was.state <> c.state then
        perform billing.charge_notice(c.id, 'pending_review');
    elsif c.prompt_expired and not was.prompt_expired then
        perform billing.charge_notice(c.id, 'unanswered');
    end if;
    if c.state = 'FAILED' and p_step.event = 'rejected' then
        perform ops.audit_put('billing', 'alert.charge_rejected', 'charge:' || c.id,
            jsonb_build_object('http', a.http, 'reason', left(a.reason, 100)));
    elsif c.state = 'PENDING' and a.link is not null then
        perform billing.hand_out_link(c.id, a.link, decode(a.link_sealed, 'hex'),
            (select p_now + make_interval(secs => least(nullif(greatest(a.expires_s, 0), 0), r.link_s)) from billing.rail r where r.code = c.rail));
    end if;
end $$;
comment on function billing.step_told(billing.charge_step, timestamptz) is
'What a step means for others than the charge: its reader hears of each end by one clear SMS, a person of what needs one.';

create or replace function billing.hand_out_link(p_charge_id bigint, p_link text, p_link_sealed bytea, p_expires_at timestamptz)
returns void language plpgsql as $$
declare
    c billing.charge;
    v_lang text;
    v_message bigint;
begin
    select * into c from billing.charge where id = p_charge_id;
    if c.link_sealed is not null then
        return;
    end if;
    select u.lang into v_lang from auth.identity i join auth.users u on u.id = i.user_id where i.id = c.identity_id;
    select e.message_id into v_message from messaging.enqueue(c.identity_id, 'receipt', v_lang, 'pay_link',
        jsonb_build_object('amount', billing.money_text(c.amount_minor, c.currency), 'link', p_link),
        'charge:' || c.id || ':pay_link:' || c.our_ref) e;
    if v_message is not null then
        update billing.charge set link_sealed = p_link_sealed, link_message = v_message, link_expires_at = p_expires_at where id = c.id;
    end if;
end $$;
comment on function billing.hand_out_link(bigint, text, bytea, timestamptz) is
'The SMS with the address where a charge is paid, once a reference; from now on the link may be opened, so no new reference replaces this one (I3). A receipt: it comes at any hour.';
