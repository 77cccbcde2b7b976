-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.claim_refunds(p_owner text, p_max int)
returns table (refund_id bigint, our_ref uuid, charge_id bigint, rail text, amount_minor bigint, currency text, version int, action text)
language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    f billing.refund;
    r billing.rail;
    v_away timestamptz;
    v_left int := p_max;
begin
    for f in
        select * from billing.refund x where x.due_at <= v_now
        order by x.due_at, x.id limit greatest(p_max, 0) + 1000 for update skip locked
    loop
        exit when v_left <= 0;
        select ra.* into r from billing.charge c join billing.rail ra on ra.code = c.rail where c.id = f.charge_id;
        v_away := case f.state when 'APPROVED' then billing.rail_away(r.code, v_now) end;
        if v_away is not null then
            -- It takes no place of one that can be worked on.
            update billing.refund set due_at = v_away + interval '2 seconds' * random() where id = f.id;
            continue;
        end if;
        v_left := v_left - 1;
        if f.state = 'APPROVED' then
            action := 'submit';
            f.state := 'REFUNDING';
            f.attempts := f.attempts + 1;
            f.sent_at := coalesce(f.sent_at, v_now);
            insert into billing.refund_attempt (refund_id, n, sent_at, owner) values (f.id, f.attempts, v_now, p_owner);
            f.due_at := v_now + make_interval(secs => r.submit_lease_s);
        else
            action := 'poll';
            update billing.refund_attempt set done_at = v_now, event = 'unknown'
            where refund_id = f.id and n = f.attempts and done_at is null;
            if found then
                f.state := 'REFUND_UNKNOWN';
            end if;
            if f.sent_at <= v_now - interval '24 hours' then
                perform ops.audit_put('billing', 'alert.refund_unresolved', 'charge:' || f.charge_id, jsonb_build_object('refund', f.id));
            end if;
            f.polls := f.polls + 1;
            f.due_at := v_now + make_interval(secs => r.poll_lease_s);
        end if;
        update billing.refund set state = f.state, attempts = f.attempts, sent_at = f.sent_at, polls = f.polls, due_at = f.due_at,
            claimed_by = p_owner, version = version + 1 where id = f.id;
        return query select f.id, f.our_ref, f.charge_id, r.code, f.amount_minor, f.currency::text, f.version + 1, action;
    end loop;
end $$;
comment on function billing.claim_refunds(text, int) is
'At most max refunds whose work is due. action submit: APPROVED became REFUNDING and the attempt row is written in this commit (I2). action poll: ask the rail about our_ref.
An approved one waits while its rail is away (billing.rail_gate). A lapsed submit may have sent its bytes: REFUND_UNKNOWN, asked about, never sent again from here (M4). After 24 h each question is an alert.';

create or replace function billing.refund_event(p_refund_id bigint, p_version int, p_event text, p_http_status int, p_answer text,
                                                p_rail_ref text, p_rail_txn text, p_amount_minor bigint, p_currency text,
                                                p_next_poll_s int)
returns table (outcome text, state text, version int) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    f billing.refund;
    v_event text := p_event;
    v_to text;
begin
    -- Lock order: users, charge, refund (an end of the pass stacks the reader's later ones).
    perform 1 from auth.users u where u.id = (select c.user_id from billing.refund x join billing.charge c on c.id = x.charge_id
                                              where x.id = p_refund_id) for no key update;
    perform 1 from billing.charge c where c.id = (select x.charge_id from billing.refund x where x.id = p_refund_id) for update;
    select * into f from billing.refund where id = p_refund_id for update;
    if not found then
        return query select 'missing', null::text, null::int;
        return;
    elsif f.version <> p_version then
        return query select 'stale', f.state, f.version;
        return;
    end if;
    if v_event in ('success', 'sync_success') and (p_amount_minor <> f.amount_minor or p_currency <> f.currency) then
        v_event := 'mismatch';
    end if;
    v_to := billing.refund_next(f, v_event, v_now);
    if v_to is null or v_event = 'mismatch' then
        perform ops.audit_put('billing', 'alert.refund_event', 'charge:' || f.charge_id,
            jsonb_build_object('refund', f.id, 'state', f.state, 'event', v_event, 'answer', left(p_answer, 100)));
    end if;
    if v_to is null then
        return query select 'ignored', f.state, f.version;
        return;
    end if;
    update billing.refund_attempt set done_at = v_now, http_status = p_http_status, event = v_event
    where refund_id = f.id and n = f.attempts and done_at is null;
    -- No answer proves nothing, against the not-founds before it neither.
    f.not_found := case when v_to <> 'REFUND_UNKNOWN' then 0 when v_event = 'not_found' then f.not_found + 1
                        when v_event in ('unknown', 'not_sent') then f.not_found else 0 end;
    update billing.refund set
        state = v_to, version = version + 1, answer = coalesce(left(nullif(p_answer, ''), 200), answer),
        rail_ref = coalesce(nullif(p_rail_ref, ''), rail_ref), rail_txn = coalesce(nullif(p_rail_txn, ''), rail_txn),
        not_found = f.not_found, first_not_found_at = case when f.not_found > 0 then coalesce(f.first_not_found_at, v_now) end,
        due_at = case v_to
            when 'APPROVED' then v_now + make_interval(secs => coalesce(nullif(p_next_poll_s, 0), least(5 * 2 ^ least(f.attempts - 1, 10), 300)))
            when 'REFUNDING' then v_now + coalesce(make_interval(secs => nullif(p_next_poll_s, 0)), billing.next_poll(f.polls))
            when 'REFUND_UNKNOWN' then v_now + coalesce(make_interval(secs => nullif(p_next_poll_s, 0)), billing.next_poll(f.polls)) end,
        ended_at = case when v_to in ('REFUNDED', 'REFUND_FAILED') then v_now end, claimed_by = null
    where id = f.id;
    if v_to in ('REFUNDED', 'REFUND_FAILED') then
        perform billing.refund_end(f.id);
    end if;
    return query select 'ok', x.state, x.version from billing.refund x where x.id = f.id;
end $$;
comment on function billing.refund_event(bigint, int, text, int, text, text, text, bigint, text, int) is
'The only way to change a claimed refund; the words of events are those of billing.charge_event. outcome: ok | stale | ignored (no legal move, alert) | missing.
REFUNDED books the money out and tells the payer in this transaction; REFUND_FAILED gives what was reserved back to the charge and calls a person. next_poll_s > 0 overrides the ladder.';

create or replace function billing.refund_next(p_refund billing.refund, p_event text, p_now timestamptz) returns text
language plpgsql stable as $$
declare
    v_refused boolean := exists (select 1 from billing.refund_attempt a where a.refund_id = p_refund.id and a.event in ('declined', 'rejected'));
begin
    if p_refund.state = 'REFUND_UNKNOWN' and p_event = 'not_found' and p_refund.not_found >= 2
       and (select r.refund_takes_our_ref from billing.charge c join billing.rail r on r.code = c.rail where c.id = p_refund.charge_id) then
        if not v_refused and p_refund.first_not_found_at <= p_now - interval '60 seconds' then
            return 'APPROVED';
        elsif v_refused and p_refund.first_not_found_at <= p_now - interval '1 hour' and p_refund.sent_at <= p_now - interval '24 hours' then
            return 'REFUND_FAILED';
        end if;
    end if;
    -- An earlier submit may have been carried out: the refusal of this one says nothing of it (M4).
    if p_event in ('declined', 'rejected') and p_refund.state = 'REFUNDING' and exists (
        select 1 from billing.refund_attempt a where a.refund_id = p_refund.id and a.n < p_refund.attempts and a.event <> 'not_sent') then
        return 'REFUND_UNKNOWN';
    end if;
    return (select t.to_state from billing.refund_transition t where t.from_state = p_refund.state and t.event = p_event);
end $$;
comment on function billing.refund_next(billing.refund, text, timestamptz) is
'The state after an event by billing.refund_transition; null = no legal move. Guarded, where the rail takes our reference: the third not-found, 60 s or more after the first, is sent again with the SAME reference (I3). A refused repetition proves nothing of what was sent before and is not repeated; a day after the first submit, the third not-found an hour or more after the first is its failure.';
