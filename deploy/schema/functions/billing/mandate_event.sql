-- SPDX-License-Identifier: Apache-2.0
-- The rail's side of a mandate: what it is asked next, and what its answers mean. The drawing is in mandate.sql.

create or replace function billing.claim_mandates(p_owner text, p_max int)
returns table (mandate_id bigint, our_ref uuid, version int, action text, rail text, currency text, valid_days int, payer_sealed bytea,
               payer_country text, plan_label text) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    m billing.mandate;
    r billing.rail;
    v_away timestamptz;
    v_left int := p_max;
begin
    for m in select * from billing.mandate x where x.due_at <= v_now order by x.due_at, x.id limit greatest(p_max, 0) + 1000
             for update skip locked loop
        exit when v_left <= 0;
        v_away := case when m.state = 'WANTED' and m.created_at > v_now - interval '1 hour' then billing.rail_away(m.rail, v_now) end;
        if v_away is not null then
            -- It takes no place of one that can be worked on.
            update billing.mandate set due_at = v_away + interval '2 seconds' * random() where id = m.id;
            continue;
        end if;
        v_left := v_left - 1;
        select * into r from billing.rail where code = m.rail;
        action := case m.state when 'WANTED' then 'submit' when 'ENDING' then 'end' else 'poll' end;
        if m.state = 'WANTED' then
            m.state := 'ASKING';
            m.attempts := m.attempts + 1;
            m.sent_at := coalesce(m.sent_at, v_now);
        else
            -- A lapsed ask may have left: it is asked about, under the same reference (M4).
            m.state := case m.state when 'ASKING' then 'UNKNOWN' else m.state end;
            m.polls := m.polls + 1;
        end if;
        m.due_at := v_now + make_interval(secs => case action when 'submit' then r.submit_lease_s else r.poll_lease_s end);
        update billing.mandate set state = m.state, attempts = m.attempts, sent_at = m.sent_at, polls = m.polls, polled_at = v_now,
            due_at = m.due_at, claimed_by = p_owner, version = version + 1 where id = m.id;
        return query
        select m.id, m.our_ref, m.version + 1, action, m.rail, m.currency::text, m.valid_days, i.sealed, i.country::text,
            coalesce(ops.named(pl.names, u.lang), pl.code)
        from auth.identity i, billing.plan pl, auth.users u
        where i.id = m.identity_id and pl.id = m.plan_id and u.id = m.user_id;
    end loop;
end $$;
comment on function billing.claim_mandates(text, int) is
'At most max mandates whose work is due. action submit: WANTED became ASKING, committed before the first byte (I2); while its rail is away (billing.rail_gate) it waits, but for an hour at most: when it cannot leave then, its reader is told. poll: ask the rail about our_ref. end: tell it to forget our_ref.';

create or replace function billing.mandate_event(p_mandate_id bigint, p_version int, p_event text, p_http_status int, p_answer text, p_next_poll_s int)
returns table (outcome text, state text, version int) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    m billing.mandate;
    v_to text;
begin
    -- Lock order: the reader first, as everybody who ends a mandate does.
    perform 1 from auth.users u where u.id = (select x.user_id from billing.mandate x where x.id = p_mandate_id) for no key update;
    select * into m from billing.mandate where id = p_mandate_id for update;
    if not found then
        return query select 'missing', null::text, null::int;
        return;
    elsif m.version <> p_version then
        return query select 'stale', m.state, m.version;
        return;
    end if;
    v_to := billing.mandate_next(m, p_event, v_now);
    if v_to is null then
        perform ops.audit_put('billing', 'alert.mandate_event', 'mandate:' || m.id,
            jsonb_build_object('state', m.state, 'event', p_event, 'answer', left(p_answer, 100)));
        return query select 'ignored', m.state, m.version;
        return;
    end if;
    m.not_found := case when v_to <> 'UNKNOWN' then 0 when p_event = 'not_found' then m.not_found + 1 else m.not_found end;
    update billing.mandate x set state = v_to, version = x.version + 1, answer = coalesce(left(nullif(p_answer, ''), 200), x.answer),
        not_found = m.not_found, first_not_found_at = case when m.not_found > 0 then coalesce(m.first_not_found_at, v_now) end,
        due_at = case
            when v_to = 'WANTED' then v_now + make_interval(secs => coalesce(nullif(p_next_poll_s, 0), least(5 * 2 ^ least(m.attempts - 1, 10), 300)))
            when v_to in ('ASKED', 'UNKNOWN', 'ENDING') then v_now + coalesce(make_interval(secs => nullif(p_next_poll_s, 0)), billing.next_poll(m.polls)) end,
        why = case v_to when 'REFUSED' then 'refused' else x.why end,
        active_at = case v_to when 'ACTIVE' then v_now else x.active_at end,
        expires_at = case v_to when 'ACTIVE' then v_now + make_interval(days => x.valid_days) else x.expires_at end,
        ended_at = case v_to when 'REFUSED' then v_now else x.ended_at end, claimed_by = null
    where x.id = m.id;
    if v_to = 'ACTIVE' then
        perform billing.mandate_awake(m.id);
    elsif v_to = 'REFUSED' then
        perform billing.mandate_notice(m.id, 'auto_refused', null, 'refused');
        if p_event = 'rejected' then
            perform ops.audit_put('billing', 'alert.mandate_rejected', 'mandate:' || m.id, jsonb_build_object('http', p_http_status, 'answer', left(p_answer, 100)));
        end if;
    elsif v_to in ('ASKED', 'UNKNOWN') and m.sent_at <= v_now - interval '24 hours' then
        perform billing.mandate_over(m.id, 'unanswered');
        perform billing.mandate_notice(m.id, 'auto_refused', null, 'refused');
    end if;
    return query select 'ok', x.state, x.version from billing.mandate x where x.id = m.id;
end $$;
comment on function billing.mandate_event(bigint, int, text, int, text, int) is
'The only way to change a claimed mandate; the words of events are those of billing.charge_event, success of an end: the rail has forgotten it. outcome: ok | stale (it was claimed or ended since) | ignored (no legal move, alert) | missing.
A yes activates it and tells the reader when and what is debited first; a no, or a day without either, tells her that nothing will be.';

create or replace function billing.mandate_next(p_mandate billing.mandate, p_event text, p_now timestamptz) returns text
language plpgsql stable as $$
begin
    if p_mandate.state = 'UNKNOWN' and p_event = 'not_found' and p_mandate.not_found >= 2
       and p_mandate.first_not_found_at <= p_now - interval '60 seconds' then
        return 'WANTED';
    elsif p_mandate.state = 'ASKING' and p_event = 'not_sent' and p_mandate.created_at <= p_now - interval '1 hour' then
        return 'REFUSED';
    elsif p_mandate.state = 'ENDING' and p_mandate.ended_at <= p_now - interval '7 days' then
        return 'ENDED';
    end if;
    return (select t.to_state from billing.mandate_transition t where t.from_state = p_mandate.state and t.event = p_event);
end $$;
comment on function billing.mandate_next(billing.mandate, text, timestamptz) is
'The state after an event by billing.mandate_transition; null = no legal move. Guarded: the third not-found, a minute or more after the first, is sent again under the same reference (I3); what could not leave for an hour is given up; a rail that does not say for a week that it forgot is let be, since nothing is debited under it.';

create or replace function billing.mandate_hint(p_rail text, p_hint text) returns bigint language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_id bigint;
begin
    if p_hint !~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' then
        return null;
    end if;
    select m.id into v_id from billing.mandate m where m.our_ref = p_hint::uuid and m.rail = p_rail;
    update billing.mandate m set due_at = least(m.due_at, greatest(v_now, m.polled_at + interval '10 seconds'))
    where m.id = v_id and m.state in ('ASKED', 'UNKNOWN') and m.claimed_by is null;
    return v_id;
end $$;
comment on function billing.mandate_hint(text, text) is
'The mandate that a callback speaks of, whose next question it pulls forward, not below 10 s after the last (I7); null: none of ours.';
