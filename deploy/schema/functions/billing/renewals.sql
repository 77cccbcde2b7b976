-- SPDX-License-Identifier: Apache-2.0
-- Renewal under a mandate: one notice the day before, one debit at the end of the pass, a receipt; else a few tries and sleep.
--
--   the day before --told--> due --debit--> paid: receipt, and the next pass is looked at
--        |                    |     '-----> no money: billing.mandate_retry, days 1, 3, 7; then SLEEPING, and she is told
--        |                    |     '-----> the payer's no (billing.mandate_refusal): over, and she is told
--        '--price, period, wallet, plan are not what she agreed to--> SLEEPING: push to renew, as for everybody

create or replace function billing.debit_time(p_mandate billing.mandate, p_pass billing.entitlement) returns timestamptz language plpgsql stable as $$
declare
    v_country text := (select i.country::text from auth.identity i where i.id = p_mandate.identity_id);
    v_before interval := (select pl.renew_before from billing.plan pl where pl.id = p_mandate.plan_id);
    v_at timestamptz := billing.decent_hour(v_country, p_pass.ends_at - least(v_before, interval '6 hours'));
begin
    -- A pass that ends at night is renewed the day before, not in the morning after a night without it.
    return case when v_at <= p_pass.ends_at then v_at
                else billing.decent_hour(v_country, p_pass.ends_at - least(v_before, interval '16 hours')) end;
end $$;
comment on function billing.debit_time(billing.mandate, billing.entitlement) is
'When the period after a pass is debited: some hours before its end where the plan allows it, at a decent hour of the payer''s country.';

create or replace function billing.mandate_awake(p_mandate_id bigint) returns void language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    m billing.mandate;
    e billing.entitlement;
    v_debit timestamptz;
    v_soon boolean;
begin
    select * into m from billing.mandate where id = p_mandate_id;
    e := billing.last_pass(m.user_id);
    v_debit := billing.debit_time(m, e);
    v_soon := v_debit - interval '1 day' <= v_now;
    if v_soon then
        v_debit := billing.decent_hour((select i.country::text from auth.identity i where i.id = m.identity_id),
                                       greatest(v_debit, v_now + interval '1 hour'));
    end if;
    update billing.mandate set failures = 0, tried_at = null, charge_id = null,
        noticed_for = case when v_soon then e.ends_at end, debit_at = case when v_soon then v_debit end,
        renew_at = case when v_soon then v_debit else v_debit - interval '1 day' end
    where id = m.id;
    perform billing.mandate_notice(m.id, 'auto_active', v_debit, 'active:' || m.version);
end $$;
comment on function billing.mandate_awake(bigint) is
'A mandate that just became active: its reader is told of the first debit, and where that is less than a day away, this was its notice.';

create or replace function billing.run_renewals(p_max int) returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_id bigint;
    v_user bigint;
    m billing.mandate;
    v_n int := 0;
begin
    for v_id, v_user in select x.id, x.user_id from billing.mandate x where x.renew_at <= v_now order by x.renew_at, x.id limit greatest(p_max, 0) loop
        perform 1 from auth.users u where u.id = v_user for no key update skip locked;
        continue when not found;
        select * into m from billing.mandate x where x.id = v_id and x.renew_at <= v_now for update skip locked;
        continue when not found;
        v_n := v_n + 1;
        begin
            perform billing.renew_step(m, v_now);
        exception when others then
            update billing.mandate set renew_at = v_now + interval '1 hour' where id = v_id;
            perform ops.audit_put('billing', 'alert.renewal_failed', 'mandate:' || v_id, jsonb_build_object('error', left(sqlerrm, 200)));
        end;
    end loop;
    return v_n;
end $$;
comment on function billing.run_renewals(int) is
'The mandates that are due are looked at, at most max; how many. Runs twice without harm: the reader''s row is locked, and renew_at moves in the transaction that tells or charges. At decent hours. One that raises (a bug of ours) is an alert and looked at again in an hour; the others do not wait for it.';

create or replace function billing.renew_step(p_mandate billing.mandate, p_now timestamptz) returns void language plpgsql as $$
declare
    m billing.mandate := p_mandate;
    e billing.entitlement := billing.last_pass(m.user_id);
    v_country text := (select i.country::text from auth.identity i where i.id = m.identity_id);
    v_decent timestamptz := billing.decent_hour(v_country, p_now);
    v_due timestamptz := billing.debit_time(m, e);
    v_why text;
begin
    if m.charge_id is not null then
        m := billing.renew_look(m, p_now);
        if m.state <> 'ACTIVE' or m.renew_at > p_now then
            return;
        end if;
    end if;
    if m.noticed_for is distinct from e.ends_at and v_due - interval '1 day' > p_now then
        update billing.mandate set renew_at = v_due - interval '1 day' where id = m.id;
    elsif m.noticed_for = e.ends_at and m.debit_at > p_now then
        update billing.mandate set renew_at = m.debit_at where id = m.id;
    elsif v_decent > p_now then
        update billing.mandate set renew_at = v_decent where id = m.id;
    elsif m.expires_at <= p_now then
        perform billing.mandate_over(m.id, 'its time is over');
        perform billing.mandate_notice(m.id, 'auto_ended', null, 'over');
    else
        v_why := billing.renew_hindrance(m);
        if v_why is not null then
            perform billing.mandate_sleep(m.id, v_why);
        elsif m.noticed_for is distinct from e.ends_at then
            v_due := greatest(v_due, p_now + interval '1 day');
            update billing.mandate set noticed_for = e.ends_at, debit_at = v_due, renew_at = v_due, tried_at = null, failures = 0 where id = m.id;
            perform billing.mandate_notice(m.id, 'auto_due', v_due, 'due:' || e.id);
        elsif billing.rail_away(m.rail, p_now) is not null then
            -- Its rail is away: no charge is made each hour only to lapse.
            update billing.mandate set renew_at = p_now + interval '5 minutes' + interval '1 minute' * random() where id = m.id;
        else
            perform billing.renew_charge(m, p_now);
        end if;
    end if;
end $$;
comment on function billing.renew_step(billing.mandate, timestamptz) is
'One look at one mandate, under the locks of billing.run_renewals: how the last debit ended, then the notice or the debit of the pass that ends last, or when to look again. A pass that she bought meanwhile moves it all.';

create or replace function billing.renew_hindrance(p_mandate billing.mandate) returns text language plpgsql stable as $$
declare
    i auth.identity;
    pl billing.plan;
    p billing.price;
    e billing.entitlement := billing.last_pass(p_mandate.user_id);
    v_rest bigint;
begin
    select * into i from auth.identity where id = p_mandate.identity_id;
    select * into pl from billing.plan where id = p_mandate.plan_id;
    select * into p from billing.price where id = billing.price_of(p_mandate.user_id, pl.id);
    -- Credit pays first (billing.start_charge_once): what is left may be less than this rail takes, and another's.
    v_rest := p.amount_minor - least(greatest(billing.credit_left(p_mandate.user_id, p.currency, null), 0), p.amount_minor);
    return case
        when e.given_back or e.ends_at <= ops.now() - interval '30 days' then 'lapsed'
        when not billing.plan_for(pl, p_mandate.user_id) or p.id is null then 'plan'
        when p.amount_minor <> p_mandate.amount_minor or p.currency <> p_mandate.currency then 'price'
        when pl.period_unit <> p_mandate.period_unit or pl.period_count <> p_mandate.period_count then 'period'
        when i.user_id <> p_mandate.user_id or i.gone_at is not null or i.stopped_at is not null then 'wallet'
        when v_rest > 0 and (billing.rail_for(i, v_rest)).code is distinct from p_mandate.rail
             or not exists (select 1 from billing.auto_debit a where a.country = i.country and a.rail = p_mandate.rail and a.enabled) then 'wallet'
    end;
end $$;
comment on function billing.renew_hindrance(billing.mandate) is
'Why nothing may be debited under a mandate although it is active; null: nothing. lapsed: her last pass was given back, or is long over. plan: not sold to this reader any more. price, period: not the one that she agreed to (case 36). wallet: she pays with another one now, what her credit leaves is too little for it, its number is not hers or said STOP, or an operator turned it off there.';

create or replace function billing.renew_charge(p_mandate billing.mandate, p_now timestamptz) returns void language plpgsql as $$
declare
    v jsonb;
    v_charge bigint;
begin
    v := billing.start_charge_once(p_mandate.user_id, p_mandate.identity_id, p_mandate.plan_id,
        billing.price_of(p_mandate.user_id, p_mandate.plan_id),
        (select c.body from billing.mandate_consent c where c.mandate_id = p_mandate.id order by c.at desc limit 1), 'auto');
    if v->>'outcome' in ('created', 'code') then
        v_charge := (v->>'charge_id')::bigint;
        update billing.charge set mandate_id = p_mandate.id where id = v_charge;
        update billing.mandate set charge_id = v_charge, tried_at = coalesce(tried_at, p_now), renew_at = p_now + interval '1 minute' where id = p_mandate.id;
        perform billing.by_credit(v);
    else
        -- Another payment of hers is open, or the plan's window has not come: neither is a failure.
        update billing.mandate set renew_at = p_now + interval '10 minutes' where id = p_mandate.id;
    end if;
end $$;
comment on function billing.renew_charge(billing.mandate, timestamptz) is
'The debit of the next period: a charge like any other, by the words of her consent, on the rail that renew_hindrance just saw. Her credit pays first.';

create or replace function billing.renew_look(p_mandate billing.mandate, p_now timestamptz) returns billing.mandate language plpgsql as $$
declare
    m billing.mandate := p_mandate;
    c billing.charge;
    v_unsent boolean;
    v_next int;
begin
    select * into c from billing.charge where id = m.charge_id;
    if c.settlement is null and c.state not in ('FAILED', 'EXPIRED') then
        m.renew_at := p_now + least(greatest((p_now - c.created_at) / 4, interval '1 minute'), interval '1 hour');
    elsif c.settlement = 'review' then
        perform billing.mandate_sleep(m.id, 'review');
        m.state := 'SLEEPING';
        return m;
    elsif c.settlement is not null then
        -- What she was told of is done: should its pass be given back, the next debit needs a notice of its own.
        update billing.mandate set noticed_for = null, debit_at = null where id = m.id;
        m.noticed_for := null;
        m.debit_at := null;
        m.charge_id := null;
        m.failures := 0;
        m.tried_at := null;
    elsif exists (select 1 from billing.mandate_refusal r where r.reason = c.reason) then
        perform billing.mandate_over(m.id, 'refused: ' || c.reason);
        perform billing.mandate_notice(m.id, 'auto_ended', null, 'over');
        m.state := 'ENDING';
        return m;
    else
        v_unsent := not exists (select 1 from billing.attempt a where a.charge_id = c.id and coalesce(a.event, '') <> 'not_sent');
        m.charge_id := null;
        m.failures := m.failures + case when v_unsent then 0 else 1 end;
        v_next := (select r.after_days from billing.mandate_retry r where r.failures = m.failures);
        if (v_next is null and not v_unsent) or m.tried_at <= p_now - interval '10 days' then
            perform billing.mandate_sleep(m.id, 'failed');
            m.state := 'SLEEPING';
        elsif v_unsent then
            m.renew_at := p_now + interval '1 hour';
        else
            m.renew_at := billing.decent_hour((select i.country::text from auth.identity i where i.id = m.identity_id),
                                              greatest(m.tried_at + make_interval(days => v_next), p_now + interval '1 hour'));
            if m.failures = 1 then
                perform billing.mandate_notice(m.id, 'auto_failed', m.renew_at, 'failed:' || c.id);
            end if;
        end if;
    end if;
    update billing.mandate x set charge_id = m.charge_id, failures = m.failures, tried_at = m.tried_at,
        renew_at = case when m.state = 'ACTIVE' then m.renew_at end
    where x.id = m.id;
    return m;
end $$;
comment on function billing.renew_look(billing.mandate, timestamptz) is
'How the last debit under a mandate ended, counted once. Under way: looked at again in a minute, later the longer it hangs. What could not leave is no failure of hers. Returns the mandate as it is now; renew_at in the future: nothing more to do.';
