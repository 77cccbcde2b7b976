-- SPDX-License-Identifier: Apache-2.0
-- The circuit breaker of a rail. As an electrician's: closed lets through.
--
--   closed -- open_after submits in a row without an answer --> open
--   open   -- the pause is over, a submit is due: the probe --> half
--   half   -- the probe was answered --> closed
--   half   -- it was not: the pause twice as long, to 5 minutes --> open
--   half   -- its lease is over without a word --> half, with the next probe
--
-- What was sent before it opened, and answers to questions, move nothing: a rail may tell and not take. A typed code that
-- finds it open does not leave, since no charge of its payer should become one that nobody knows the end of: he is told at once, and
-- types another; after the pause his may be the probe. Refunds, and questions for a mandate, wait for the end of the pause: they go by
-- other doors of a rail, so they are no probe and their answers move nothing.
create or replace function billing.rail_heard(p_charge billing.charge, p_event text, p_http_status int, p_reason text, p_now timestamptz)
returns void language plpgsql as $$
declare
    v_fault boolean := billing.is_rail_fault(p_event, p_http_status, p_reason);
    g billing.rail_gate;
    v_max int;
begin
    select * into g from billing.rail_gate where rail = p_charge.rail;
    -- The usual answer of a rail in health writes nothing and waits for nobody.
    if v_fault is null or (g.rail is null and not v_fault) or (g.state = 'closed' and g.faults = 0 and not v_fault)
       or g.state = 'open' or (g.state = 'half' and g.probe <> p_charge.id) then
        return;
    end if;
    insert into billing.rail_gate (rail, changed_at) values (p_charge.rail, p_now) on conflict (rail) do nothing;
    select * into g from billing.rail_gate where rail = p_charge.rail for update;
    select r.open_after into v_max from billing.rail r where r.code = p_charge.rail;
    if g.state = 'closed' then
        g.faults := case when v_fault then g.faults + 1 else 0 end;
        if v_max = 0 or g.faults < v_max then
            update billing.rail_gate set faults = g.faults where rail = g.rail;
        else
            perform billing.rail_open(g, p_now);
        end if;
    elsif g.state = 'half' and g.probe = p_charge.id then
        if v_fault then
            perform billing.rail_open(g, p_now);
        else
            update billing.rail_gate set state = 'closed', faults = 0, pause_s = 10, until = null, probe = null, changed_at = p_now,
                told = false
            where rail = g.rail;
            perform ops.audit_put('billing', 'rail.closed', 'rail:' || g.rail, '{}');
        end if;
    end if;
end $$;
comment on function billing.rail_heard(billing.charge, text, int, text, timestamptz) is
'What a submit tells of its rail. Only billing.take_steps calls it, last of all: users, charges, then the gates.';

create or replace function billing.is_rail_fault(p_event text, p_http_status int, p_reason text) returns boolean language sql immutable as $$
    select case
        when p_event = 'not_sent' and p_reason in ('rail not configured', 'too late to send') then null
        when p_event = 'not_sent' then true
        when p_event = 'unknown' then coalesce(p_http_status, 0) = 0 or p_http_status >= 500 or coalesce(p_reason, '') = ''
        when coalesce(p_http_status, 0) = 0 then null
        else false end
$$;
comment on function billing.is_rail_fault(text, int, text) is
'true: the rail did not answer (no connection, a deadline, a 5xx, a page, a 429, no token). false: a word of its own, a refusal too. null: says nothing of it, the trouble is ours.';

create or replace function billing.rail_open(p_gate billing.rail_gate, p_now timestamptz) returns void language plpgsql as $$
begin
    update billing.rail_gate set state = 'open', faults = p_gate.faults, probe = null, opened = opened + 1, changed_at = p_now, told = false,
        until = p_now + make_interval(secs => p_gate.pause_s * (0.8 + 0.4 * random())), pause_s = least(p_gate.pause_s * 2, 300)
    where rail = p_gate.rail;
    perform ops.audit_put('billing', case p_gate.state when 'closed' then 'alert.rail_open' else 'rail.open_on' end, 'rail:' || p_gate.rail,
                          jsonb_build_object('pause_s', p_gate.pause_s));
end $$;
comment on function billing.rail_open(billing.rail_gate, timestamptz) is 'No submit leaves for this rail before the pause is over. An alert when it was closed.';

create or replace function billing.rail_hold(p_now timestamptz) returns int language plpgsql as $$
declare
    v_held int := 0;
begin
    if exists (select 1 from billing.rail_gate where state <> 'closed' and until > p_now) then
        update billing.charge c set due_at = h.at + interval '2 seconds' * random()
        from (select ch.id, billing.rail_away(g.rail, p_now) as at
              from billing.charge ch join billing.rail_gate g on g.rail = ch.rail
              where ch.due_at <= p_now and ch.state = 'READY' and ch.created_at > p_now - interval '1 hour'
                and g.state <> 'closed' and g.until > p_now
              order by ch.due_at, ch.id limit 1000 for update of ch skip locked) h
        where c.id = h.id;
        get diagnostics v_held = row_count;
    end if;
    return v_held;
end $$;
comment on function billing.rail_hold(timestamptz) is
'Due submits of rails that are not asked now wait until the pause is over, or for the probe''s answer, all at once: a claim''s places are for charges that can be worked on. One of an hour is left to billing.take_charges, which ends it. How many.';

create or replace function billing.rail_away(p_rail text, p_now timestamptz) returns timestamptz language plpgsql stable as $$
begin
    return (select case g.state when 'open' then g.until else least(g.until, p_now + interval '5 seconds') end
            from billing.rail_gate g where g.rail = p_rail and g.state <> 'closed' and g.until > p_now);
end $$;
comment on function billing.rail_away(text, timestamptz) is
'When to look again at what would begin at a rail that is not asked now; null: it may begin.';

create or replace function billing.rail_admits(p_charge billing.charge, p_lease_s int, p_now timestamptz) returns boolean language plpgsql as $$
declare
    g billing.rail_gate;
begin
    select * into g from billing.rail_gate where rail = p_charge.rail;
    if g.rail is null or g.state = 'closed' then
        return true;
    elsif g.until > p_now then
        return false;
    end if;
    -- Who holds the row is making another one the probe: nobody waits for him.
    update billing.rail_gate set state = 'half', probe = p_charge.id, until = p_now + make_interval(secs => p_lease_s),
        changed_at = case state when 'half' then changed_at else p_now end, told = told and state = 'half'
    where rail = (select x.rail from billing.rail_gate x where x.rail = p_charge.rail and x.state <> 'closed' and x.until <= p_now
                  for update skip locked);
    return found;
end $$;
comment on function billing.rail_admits(billing.charge, int, timestamptz) is
'May this charge be submitted now. When the pause is over the first one that asks is the probe, over all workers and machines.';

create or replace function billing.rail_news() returns table (rail text, state text, opened bigint, held bigint) language plpgsql as $$
#variable_conflict use_column
begin
    if exists (select 1 from billing.rail_gate g where not g.told) then
        return query
        update billing.rail_gate u set told = true
        from (select g.rail from billing.rail_gate g where not g.told for update skip locked) n,
             lateral (select x.held from billing.rail_gates() x where x.rail = n.rail) h
        where u.rail = n.rail returning u.rail, u.state, u.opened, h.held;
    end if;
end $$;
comment on function billing.rail_news() is 'Gates that changed and were not told of yet, once each over all workers: the caller logs and counts them.';

create or replace function billing.rail_gates() returns table (rail text, state text, opened bigint, held bigint, until_s int) language sql stable as $$
    select g.rail, g.state, g.opened,
        (select count(*) from billing.charge c where c.rail = g.rail and c.state = 'READY' and c.due_at is not null and g.state <> 'closed')
        + (select count(*) from billing.refund f join billing.charge c on c.id = f.charge_id
           where c.rail = g.rail and f.state = 'APPROVED' and f.due_at is not null and g.state <> 'closed'),
        greatest(ceil(extract(epoch from g.until - ops.now())), 0)::int
    from billing.rail_gate g
$$;
comment on function billing.rail_gates() is 'The gates that ever saw a fault; held: charges and refunds that wait behind one that is not closed.';
