-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.charge_event(p_charge billing.charge, p_rail billing.rail, p_said billing.rail_said, p_now timestamptz)
returns billing.charge_step language plpgsql as $$
declare
    c billing.charge := p_charge;
    v_event text := p_said.event;
    v_to text;
    v_over timestamptz := case when p_said.expires_s > 0 then p_now + make_interval(secs => p_said.expires_s) end;
begin
    if v_event not in ('accepted', 'duplicate', 'pending', 'sync_success', 'success', 'declined', 'expired', 'not_sent', 'unknown',
                       'rejected', 'not_found', 'not_issued', 'code_refused', 'unresolved', 'mismatch') then
        raise exception 'no such charge event: %', v_event using errcode = 'invalid_parameter_value';
    end if;
    if v_event in ('success', 'sync_success') and not billing.same_money(c, p_said.txn, p_said.amount, p_said.currency) then
        v_event := 'mismatch';
    end if;
    v_to := billing.charge_next(c, v_event, p_rail.takes_our_ref, p_now);
    if v_to is null then
        return row(p_charge, null, v_event, p_said)::billing.charge_step;
    end if;
    -- No answer proves nothing, against the not-founds before it neither.
    c.not_found := case when v_to not in ('UNKNOWN', 'UNRESOLVED') then 0 when v_event = 'not_found' then c.not_found + 1
                        when v_event in ('unknown', 'not_sent') then c.not_found else 0 end;
    c.first_not_found_at := case when c.not_found > 0 then coalesce(c.first_not_found_at, p_now) end;
    c.due_at := billing.charge_due(c, v_to, v_event, p_said.next_poll_s, p_now);
    c.ended_at := case when v_to in ('SUCCEEDED', 'SUCCEEDED_LATE', 'FAILED', 'EXPIRED', 'REVIEW') then coalesce(c.ended_at, p_now) end;
    c.settlement := case v_to when 'REVIEW' then 'review' when 'SUCCEEDED' then 'granted' when 'SUCCEEDED_LATE' then 'granted' end;
    if v_event in ('success', 'sync_success') then
        c.rail_txn := coalesce(nullif(p_said.txn, ''), c.rail_txn);
    end if;
    -- A word that the rail never published is kept while the charge waits (I12).
    if v_to <> c.state or v_event = 'mismatch' then
        c.reason := left(coalesce(p_said.reason, v_event), 200);
    elsif v_event = 'unknown' and v_to in ('PENDING', 'UNKNOWN', 'UNRESOLVED') then
        c.reason := left(coalesce(nullif(p_said.reason, ''), c.reason), 200);
    end if;
    -- Its period may have been paid by another charge since: it must not contend for it (I1).
    c.superseded := c.superseded or (v_to = 'REVIEW' and c.state in ('FAILED', 'EXPIRED'));
    if v_to in ('PENDING', 'UNKNOWN') then
        c.prompt_expires_at := coalesce(c.prompt_expires_at, p_now + make_interval(secs => p_rail.prompt_s));
        c.prompt_expired := c.prompt_expired or c.prompt_expires_at <= p_now;
    end if;
    if v_to not in ('READY', 'CREATED') then
        c.rail_ref := coalesce(p_said.rail_ref, c.rail_ref);
        c.memo_sealed := coalesce(decode(p_said.memo_sealed, 'hex'), c.memo_sealed);
        c.callback_mac := coalesce(decode(p_said.callback_mac, 'hex'), c.callback_mac);
    elsif v_event in ('not_issued', 'code_refused') then
        c.prompt_expires_at := null;
    end if;
    -- A link may be good for a day; its reader is not kept waiting for so long.
    if v_to = 'PENDING' and v_over is not null then
        c.prompt_expires_at := least(v_over, case p_rail.flow when 'link' then p_now + make_interval(secs => p_rail.prompt_s) end);
    end if;
    c.state := v_to;
    c.version := c.version + 1;
    return row(p_charge, c, v_event, p_said)::billing.charge_step;
end $$;
comment on function billing.charge_event(billing.charge, billing.rail, billing.rail_said, timestamptz) is
'What an answer makes of a claimed charge; nothing is written here. No legal move: now is null.
A success whose amount, currency or transaction is not ours, or absent, is a mismatch: REVIEW, money in suspense (I8).';

create or replace function billing.charge_next(p_charge billing.charge, p_event text, p_takes_our_ref boolean, p_now timestamptz)
returns text language plpgsql stable as $$
begin
    if p_charge.state = 'UNKNOWN' and p_event = 'not_found' and p_takes_our_ref and p_charge.not_found >= 2
       and p_charge.first_not_found_at <= p_now - interval '60 seconds' then
        return 'READY';
    elsif p_charge.state = 'UNRESOLVED' and p_event = 'not_found' and p_takes_our_ref and p_charge.not_found >= 2
       and p_charge.first_not_found_at <= p_now - interval '1 hour' then
        return 'EXPIRED';
    end if;
    -- Asked only of the events that have a guarded move: each look at a table costs as much as the answer below.
    if p_event in ('not_issued', 'code_refused', 'not_sent') then
        if p_charge.state = 'UNKNOWN' and p_event = 'not_issued' and p_charge.link_sealed is null and not p_charge.superseded
           and (select r.flow = 'link' from billing.rail r where r.code = p_charge.rail) then
            return 'READY';
        end if;
        if p_charge.state = 'SUBMITTING' and p_event = 'code_refused' and (select r.codes from billing.rail r where r.code = p_charge.rail)
           <= 1 + (select count(*) from billing.attempt a where a.charge_id = p_charge.id and a.event = 'code_refused') then
            return 'FAILED';
        end if;
        -- The code was in memory only (S5): what did not leave with it cannot leave later.
        if p_charge.state = 'SUBMITTING' and p_event = 'not_sent' and (select r.flow = 'code' from billing.rail r where r.code = p_charge.rail) then
            return 'CREATED';
        end if;
    end if;
    return (select t.to_state from billing.charge_transition t
            where t.from_state = p_charge.state and t.event = p_event
              and (p_charge.state, p_event, t.to_state) not in (('UNKNOWN', 'not_found', 'READY'), ('UNKNOWN', 'not_issued', 'READY'),
                                                                ('UNRESOLVED', 'not_found', 'EXPIRED'),
                                                                ('SUBMITTING', 'code_refused', 'FAILED'), ('SUBMITTING', 'not_sent', 'CREATED')));
end $$;
comment on function billing.charge_next(billing.charge, text, boolean, timestamptz) is
'The state after an event by billing.charge_transition; null = no legal move. The guarded moves: the third not-found of an UNKNOWN charge, 60 s or more after the first, on a rail that takes our reference, is sent again with the SAME reference (I3); what was never issued is sent again while no link was handed out; the last wrong code fails; a code that did not leave is asked for again.
After a day it is too late to send: the third not-found of an UNRESOLVED charge, an hour or more after the first, is its EXPIRED, which a late success may still undo.';

create or replace function billing.fresh_reference(p_charge_id bigint, p_event text) returns void language plpgsql as $$
begin
    update billing.attempt a set our_ref = c.our_ref, event = p_event
    from billing.charge c where c.id = p_charge_id and a.charge_id = c.id and a.our_ref is null;
    update billing.charge set our_ref = gen_random_uuid(), rail_ref = null, memo_sealed = null, callback_mac = null where id = p_charge_id;
end $$;
comment on function billing.fresh_reference(bigint, text) is
'A new reference for the next submit of a charge; its attempts keep the one they used. Only billing.step_told calls it, after an end by which nobody can pay the old one.';

create or replace function billing.charge_due(p_charge billing.charge, p_to text, p_event text, p_next_poll_s int, p_now timestamptz)
returns timestamptz language plpgsql volatile as $$
declare
    v_wait interval := case when p_next_poll_s > 0 then make_interval(secs => p_next_poll_s) end;
    -- A callback about an ended charge begins its two questions anew: it may know more than the rail's next answer tells.
    v_from timestamptz := greatest(coalesce(p_charge.ended_at, p_now), p_charge.hinted_at);
begin
    if p_to in ('FAILED', 'EXPIRED') then
        -- One submit, refused: nothing to ask. After several, an earlier one may have been carried out (M4).
        return case when p_event = 'rejected' and p_charge.attempts = 1 then null
                    when p_event in ('unknown', 'not_sent') and p_charge.ended_at <= p_now - interval '7 days' then null
                    when p_event in ('unknown', 'not_sent') then p_now + interval '1 hour'
                    when p_now < v_from + interval '1 hour' then v_from + interval '1 hour'
                    when p_now < v_from + interval '24 hours' then v_from + interval '24 hours'
               end;
    elsif p_to = 'CREATED' then
        return p_now + (select make_interval(secs => r.prompt_s) from billing.rail r where r.code = p_charge.rail);
    elsif p_to = 'READY' then
        return p_now + coalesce(v_wait, make_interval(secs => least(5 * 2 ^ least(p_charge.attempts - 1, 10), 300) * (0.8 + 0.4 * random())));
    elsif p_to = 'UNRESOLVED' then
        return p_now + interval '1 hour' * (0.8 + 0.4 * random());
    elsif p_to in ('PENDING', 'UNKNOWN') then
        v_wait := coalesce(v_wait, billing.next_poll(p_charge.polls));
        -- A callback that came during the claim pulls the next query forward, not below 10 s after the last.
        if p_charge.hinted_at >= coalesce(p_charge.last_polled_at, p_charge.submitted_at) then
            return least(p_now + v_wait, greatest(p_now, p_charge.last_polled_at + interval '10 seconds'));
        end if;
        return p_now + v_wait;
    end if;
    return null;
end $$;
comment on function billing.charge_due(billing.charge, text, text, int, timestamptz) is
'When a charge is next worked on: the poll ladder, back-off of a submit that was not sent, the rail''s prompt_s for a new code, one more answer 1 h and 24 h after FAILED or EXPIRED, and after each new callback (late success; a rail that is down is asked each hour for 7 days), never after a final success.';

create or replace function billing.same_money(p_charge billing.charge, p_rail_txn text, p_amount_minor bigint, p_currency text)
returns boolean language plpgsql stable as $$
begin
    return p_amount_minor is not distinct from p_charge.amount_minor
        and p_currency is not distinct from p_charge.currency::text
        and (p_charge.rail_txn is null or coalesce(p_rail_txn, '') in ('', p_charge.rail_txn))
        and not exists (select 1 from billing.charge o
                        where o.rail = p_charge.rail and o.rail_txn = nullif(p_rail_txn, '') and o.id <> p_charge.id);
end $$;
comment on function billing.same_money(billing.charge, text, bigint, text) is
'I8: integers compared with our row; a missing amount or currency is not the same; nor is a rail transaction that another charge already has.';
