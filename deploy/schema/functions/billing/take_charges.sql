-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.take_charges(p_owner text, p_epoch bigint, p_max int) returns billing.charge[] language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_taken billing.charge[] := '{}';
    v_ending bigint[] := '{}';
    c billing.charge;
    r billing.rail;
begin
    perform billing.rail_hold(v_now);
    for c in
        select ch.* from (
            select r.code, r.places - (select count(*) from billing.charge b
                                       where b.rail = r.code and b.claimed_by is not null and b.due_at > v_now) as free
            from billing.rail r) p
        cross join lateral (
            select x.* from billing.charge x
            where x.rail = p.code and x.due_at <= v_now
            order by x.due_at, x.id
            limit greatest(least(p.free, p_max), 0)
            for update skip locked) ch
        order by ch.due_at, ch.id
        limit greatest(p_max, 0)
    loop
        if r.code is distinct from c.rail then
            select * into r from billing.rail where code = c.rail;
        end if;
        -- A prompt an hour after its confirmation surprises the payer. Every submit was provably not sent: it ends here.
        if c.state = 'READY' and c.created_at <= v_now - interval '1 hour'
           and not exists (select 1 from billing.attempt a where a.charge_id = c.id and coalesce(a.event, '') not in ('not_sent', 'not_issued', 'code_refused')) then
            perform billing.charge_unsent(c.id, 'not sent for an hour', null, true, 'alert.charge_not_sent');
            continue;
        end if;
        if c.state = 'CREATED' then
            perform billing.charge_unsent(c.id, 'no code came', null, true, null);
            continue;
        end if;
        -- A number that became a test number meanwhile: no byte goes to a rail whose money is real.
        if c.state = 'READY' and not r.lab
           and exists (select 1 from auth.identity i join billing.test_number t on t.lookup = i.lookup where i.id = c.identity_id) then
            perform billing.charge_unsent(c.id, 'a test number', null, true, 'alert.charge_of_test_number');
            continue;
        end if;
        -- Nobody looks at a debit under a mandate: no byte of it leaves when that ended or sleeps since (case 37), when its
        -- reader pays another way by now (I1), nor at night, when a rail that was away has lost it and it would be sent again.
        if c.state = 'READY' and c.mandate_id is not null and (c.superseded
           or not exists (select 1 from billing.mandate m where m.id = c.mandate_id and m.state = 'ACTIVE')
           or (select billing.decent_hour(i.country::text, v_now) > v_now from auth.identity i where i.id = c.identity_id)) then
            perform billing.charge_unsent(c.id, 'the mandate does not hold now', case when c.attempts > 0 then v_now + interval '1 hour' end,
                                          false, null);
            continue;
        end if;
        -- The older link of hers may be in this same claim: it is being asked about, too. A minute at most, as there.
        if c.state = 'READY' and c.attempts = 0
           and (c.created_at > v_now - interval '1 minute' and coalesce(c.gift_by, c.user_id) = any (v_ending)
                or billing.charge_waits(c, v_now)) then
            update billing.charge set due_at = v_now + interval '2 seconds' where id = c.id;
            continue;
        end if;
        -- The charge that it took the place of was paid after all, before a byte of this one left.
        if c.state = 'READY' and c.attempts = 0 and billing.is_granted(c) then
            perform billing.charge_unsent(c.id, 'paid by an earlier charge', null, false, null);
            continue;
        end if;
        if c.state = 'READY' and not billing.rail_admits(c, r.submit_lease_s, v_now) then
            update billing.charge set due_at = v_now + interval '5 seconds' + interval '2 seconds' * random() where id = c.id;
            continue;
        end if;
        if c.state = 'READY' then
            c.state := 'SUBMITTING';
            c.attempts := c.attempts + 1;
            c.submitted_at := v_now;
            c.due_at := v_now + make_interval(secs => r.submit_lease_s);
        else
            if c.state = 'SUBMITTING' then
                c.state := 'UNKNOWN';
                c.prompt_expires_at := coalesce(c.prompt_expires_at, c.submitted_at + make_interval(secs => r.prompt_s));
                update billing.attempt set done_at = v_now, event = 'unknown'
                where charge_id = c.id and n = c.attempts and done_at is null;
            elsif c.state in ('PENDING', 'UNKNOWN') and c.created_at <= v_now - interval '24 hours' then
                c.state := 'UNRESOLVED';
                perform billing.charge_notice(c.id, 'pending_review');
                perform ops.audit_put('billing', 'alert.charge_unresolved', 'charge:' || c.id, '{}');
            end if;
            c.polls := c.polls + 1;
            c.last_polled_at := v_now;
            c.due_at := v_now + make_interval(secs => r.poll_lease_s);
        end if;
        c.version := c.version + 1;
        c.claimed_by := p_owner;
        c.claimed_epoch := p_epoch;
        v_taken := v_taken || c;
        if c.superseded and c.link_sealed is not null and c.state in ('PENDING', 'UNKNOWN', 'UNRESOLVED') then
            v_ending := v_ending || coalesce(c.gift_by, c.user_id);
        end if;
    end loop;
    -- All of them in two statements: what a statement needs is made ready once a claim, not once a charge.
    insert into billing.attempt (charge_id, n, sent_at, owner, epoch)
    select t.id, t.attempts, v_now, p_owner, p_epoch from unnest(v_taken) t where t.state = 'SUBMITTING';
    update billing.charge ch set state = t.state, attempts = t.attempts, submitted_at = t.submitted_at, polls = t.polls,
        last_polled_at = t.last_polled_at, prompt_expires_at = t.prompt_expires_at, due_at = t.due_at,
        claimed_by = t.claimed_by, claimed_epoch = t.claimed_epoch, version = t.version
    from unnest(v_taken) t where ch.id = t.id;
    return v_taken;
end $$;
comment on function billing.take_charges(text, bigint, int) is
'At most max charges whose work is due, the oldest first, of each rail no more than it has free places (billing.rail.places), never one that another claimer holds; as they are now. SUBMITTING: to be submitted; any other state: to be asked about.
READY became SUBMITTING and the attempt row is written in this commit (I2).
A lapsed lease on SUBMITTING may have sent its bytes: it becomes UNKNOWN and is asked about, never sent again from here (M4). 24 h without an answer: UNRESOLVED, asked hourly. A READY charge of which no byte left for an hour is EXPIRED and its reader told; so is a CREATED one whose code did not come, and one of a test number on a rail that is not the lab''s, and one under a mandate that does not hold now: it is over or sleeps, its reader pays another way, or it is night.
Submits of a rail that does not answer wait (billing.rail_heard), but for the probe; questions about its charges go on.';

create or replace function billing.charge_waits(p_charge billing.charge, p_now timestamptz) returns boolean language plpgsql stable as $$
begin
    return p_charge.created_at > p_now - interval '1 minute' and exists (
        select 1 from billing.charge o
        where coalesce(o.gift_by, o.user_id) = coalesce(p_charge.gift_by, p_charge.user_id) and o.superseded and o.link_sealed is not null and o.id < p_charge.id
          and o.state in ('PENDING', 'UNKNOWN', 'UNRESOLVED')
          and (o.claimed_by is not null or o.last_polled_at is null or o.last_polled_at < p_charge.created_at));
end $$;
comment on function billing.charge_waits(billing.charge, timestamptz) is
'Hard case 32: before a newer link or prompt goes out, the rail of the older one is asked to end it, and its answer is recorded. Should it not answer, a minute at most: a payment of the older one becomes credit (I13).';

create or replace function billing.charge_unsent(p_id bigint, p_reason text, p_again timestamptz, p_told boolean, p_alert text)
returns void language plpgsql as $$
begin
    update billing.charge set state = 'EXPIRED', reason = p_reason, version = version + 1, ended_at = ops.now(), due_at = p_again,
        claimed_by = null, claimed_epoch = null
    where id = p_id;
    if p_told then
        perform billing.charge_notice(p_id, 'expired');
    end if;
    if p_alert is not null then
        perform ops.audit_put('billing', p_alert, 'charge:' || p_id, '{}');
    end if;
end $$;
comment on function billing.charge_unsent(bigint, text, timestamptz, boolean, text) is
'A charge of which nothing leaves any more ends for this reason. again: when its rail is asked once more, where it may have had bytes of it; told: its reader gets an SMS; alert: the audit action by which operators are told, or null.';
