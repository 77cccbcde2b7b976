-- SPDX-License-Identifier: Apache-2.0
-- A pass that renews itself: a reader's yes, asked of her on two screens, and her wallet's, asked of the rail.
--
--   WANTED --claim--> ASKING --accepted--> ASKED --the rail says yes--> ACTIVE --her word, STOP, a number that moved,
--     ^  ^-not sent--'  |                   | ^                          |  ^     the rail's refusal, its last day--.
--     |                 +--no answer--> UNKNOWN-'                        |  +--her new yes-- SLEEPING --the same-----+
--     +--three not-founds, same reference--'|                            +--price, wallet, tries used up--^          v
--        refused, or a day without an answer+--> REFUSED (ENDING)           ENDED <--the rail forgot it-- ENDING <---'
--
-- No debit begins but in ACTIVE (billing.take_charges looks again before the first byte), so a yes that a rail still remembers
-- in another state moves no money. What it debits is a charge like any other, on the same machine (I1-I13).

create or replace function billing.rail_for(p_identity auth.identity, p_amount_minor bigint) returns billing.rail language plpgsql stable as $$
declare
    r billing.rail;
begin
    select ra.* into r from billing.rail_route ro join billing.rail ra on ra.code = ro.rail and ra.enabled
    where ro.country = p_identity.country and (ro.network in (p_identity.network, '*') or ra.code = p_identity.rail)
      and ra.min_minor <= p_amount_minor
      and (ra.lab or not exists (select 1 from billing.test_number t where t.lookup = p_identity.lookup))
    order by (ra.code = p_identity.rail) desc nulls last, (ro.network = '*'), ro.prio, ra.code limit 1;
    return r;
end $$;
comment on function billing.rail_for(auth.identity, bigint) is
'The rail that would be asked for an amount by this phone: the wallet it chose, else its network''s; a test number has the lab''s only. code null: none.';

create or replace function billing.last_pass(p_user_id bigint) returns billing.entitlement language plpgsql stable as $$
declare
    e billing.entitlement;
begin
    select * into e from billing.entitlement x where x.user_id = p_user_id order by x.ends_at desc limit 1;
    return e;
end $$;
comment on function billing.last_pass(bigint) is 'The pass of a reader that ends last; id null: she never had one.';

create or replace function billing.auto_offer(p_user_id bigint, p_identity_id bigint, p_lang text)
returns table (outcome text, plan_id bigint, price_id bigint, label text, amount_minor bigint, currency text, amount_text text, period text,
               rail text, wallet text, until_text text)
language plpgsql stable as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    m billing.mandate;
    e billing.entitlement;
    i auth.identity;
    r billing.rail;
    pl billing.plan;
    p billing.price;
    v_outcome text := 'none';
begin
    select * into m from billing.mandate x where x.user_id = p_user_id
        and x.state in ('WANTED', 'ASKING', 'ASKED', 'UNKNOWN', 'ACTIVE', 'SLEEPING');
    e := billing.last_pass(p_user_id);
    if m.id is not null and m.state <> 'SLEEPING' then
        select * into pl from billing.plan where id = m.plan_id;
        select * into r from billing.rail where code = m.rail;
        p.amount_minor := m.amount_minor;
        p.currency := m.currency;
        v_outcome := case when m.state = 'ACTIVE' then 'on' else 'asked' end;
    else
        select * into i from auth.identity where id = p_identity_id and user_id = p_user_id and gone_at is null and stopped_at is null;
        select * into pl from billing.plan where id = e.plan_id and kind = 'pass' and (period_unit <> 'day' or period_count > 2);
        select * into p from billing.price where id = billing.price_of(p_user_id, pl.id);
        r := billing.rail_for(i, p.amount_minor);
        if e.ends_at > v_now and not e.given_back and p.amount_minor > 0 and billing.plan_for(pl, p_user_id) and exists (
            select 1 from billing.auto_debit a where a.country = i.country and a.rail = r.code and a.enabled) then
            v_outcome := 'offer';
        end if;
    end if;
    return query
    select v_outcome, pl.id, p.id, coalesce(ops.named(pl.names, p_lang), pl.code), p.amount_minor, p.currency::text,
        billing.money_text(p.amount_minor, p.currency), coalesce(ops.named(pl.period_names, p_lang), pl.code), r.code, r.name,
        coalesce(billing.local_text(p_user_id, e.ends_at), '')
    where v_outcome <> 'none'
    union all
    select 'none', null, null, '', null, null, '', '', null, '', '' where v_outcome = 'none';
end $$;
comment on function billing.auto_offer(bigint, bigint, text) is
'Whether the last pass of a reader may renew itself, by this phone''s wallet. outcome: offer (plan, price, end of the pass) | asked (her wallet has not said yes yet) | on | none (no pass, one of a day or two, nothing that is sold to her, or not enabled for this country and wallet: billing.auto_debit). A mandate that sleeps is offered again.';

create or replace function billing.auto_ask(p_user_id bigint, p_identity_id bigint, p_plan_id bigint, p_price_id bigint, p_step_key text,
                                            p_consent text, p_channel text)
returns table (outcome text, mandate_id bigint, amount_minor bigint, currency text, hint text) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'auto_ask');
begin
    if v is null then
        v := billing.auto_ask_once(p_user_id, p_identity_id, p_plan_id, p_price_id, p_step_key, p_consent, p_channel);
        perform ops.step_end(p_step_key, 'auto_ask', v);
    end if;
    return query select r.* from jsonb_to_record(v)
        as r(outcome text, mandate_id bigint, amount_minor bigint, currency text, hint text);
end $$;
comment on function billing.auto_ask(bigint, bigint, bigint, bigint, text, text, text) is
'A reader accepted the offer of billing.auto_offer; consent: the very words that were shown. outcome: created (the rail asks her wallet next, after its push delay) | active (her wallet''s yes still stands: the mandate that slept is awake, at this price) | already (one is asked or active) |
price_changed (not the price or plan of the offer any more) | none (nothing is offered). Idempotent by step (S2); one mandate a reader.';

create or replace function billing.auto_ask_once(p_user_id bigint, p_identity_id bigint, p_plan_id bigint, p_price_id bigint, p_step_key text,
                                                 p_consent text, p_channel text)
returns jsonb language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_lang text;
    o record;
    pl billing.plan;
    m billing.mandate;
    v_woke boolean := false;
begin
    select u.lang into v_lang from auth.users u where u.id = p_user_id for no key update;
    select * into o from billing.auto_offer(p_user_id, p_identity_id, v_lang);
    if o.outcome in ('asked', 'on') then
        return jsonb_build_object('outcome', 'already', 'amount_minor', o.amount_minor, 'currency', o.currency);
    elsif o.outcome = 'none' then
        return '{"outcome": "none"}';
    elsif o.plan_id is distinct from p_plan_id or o.price_id is distinct from p_price_id then
        return jsonb_build_object('outcome', 'price_changed', 'amount_minor', o.amount_minor, 'currency', o.currency);
    end if;
    select * into pl from billing.plan where id = o.plan_id;
    update billing.mandate x set state = 'ACTIVE', plan_id = o.plan_id, amount_minor = o.amount_minor, currency = o.currency, why = null,
        period_unit = pl.period_unit, period_count = pl.period_count, version = x.version + 1
    where x.user_id = p_user_id and x.state = 'SLEEPING' and x.identity_id = p_identity_id and x.rail = o.rail
      and x.expires_at > v_now + interval '31 days'
    returning x.* into m;
    v_woke := found;
    if not v_woke then
        perform billing.mandate_end(p_user_id, 'asked anew');
        insert into billing.mandate (user_id, identity_id, rail, plan_id, amount_minor, currency, period_unit, period_count, valid_days,
            created_at, due_at)
        select p_user_id, p_identity_id, o.rail, o.plan_id, o.amount_minor, o.currency, pl.period_unit, pl.period_count, a.valid_days,
            v_now, v_now + make_interval(secs => r.push_delay_s)
        from billing.rail r, auth.identity i join billing.auto_debit a on a.country = i.country
        where r.code = o.rail and a.rail = o.rail and i.id = p_identity_id
        returning * into m;
    end if;
    insert into billing.mandate_consent (mandate_id, at, plan_id, price_id, amount_minor, currency, period, body, channel, step_key)
    values (m.id, v_now, o.plan_id, o.price_id, o.amount_minor, o.currency, o.period, p_consent, p_channel, p_step_key);
    -- Who said that she wants no next period says now that she does.
    update billing.entitlement x set cancelled_at = null, remind_at = billing.next_reminder(x, v_now)
    where x.user_id = p_user_id and x.ends_at > v_now and x.cancelled_at is not null;
    if v_woke then
        perform billing.mandate_awake(m.id);
    end if;
    return jsonb_build_object('outcome', case when v_woke then 'active' else 'created' end, 'mandate_id', m.id, 'amount_minor', m.amount_minor,
        'currency', m.currency, 'hint', case when v_woke then '' else billing.rail_hint(o.rail, (
            select i.country::text from auth.identity i where i.id = p_identity_id), v_lang) end);
end $$;
comment on function billing.auto_ask_once(bigint, bigint, bigint, bigint, text, text, text) is
'The body of billing.auto_ask, under the lock of the reader: two hops or channels in the same second make one mandate.';

create or replace function billing.mandate_over(p_mandate_id bigint, p_why text) returns boolean language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    m billing.mandate;
begin
    update billing.mandate x set
        state = case when x.state = 'WANTED' and x.attempts = 0 then 'ENDED' else 'ENDING' end,
        -- A question in flight keeps its lease: the rail is told after it.
        due_at = case when x.state = 'WANTED' and x.attempts = 0 then null when x.claimed_by is not null then x.due_at else v_now end,
        why = p_why, ended_at = v_now, renew_at = null, polls = 0, not_found = 0, version = x.version + 1
    where x.id = p_mandate_id and x.state in ('WANTED', 'ASKING', 'ASKED', 'UNKNOWN', 'ACTIVE', 'SLEEPING')
    returning x.* into m;
    if not found then
        return false;
    end if;
    perform ops.audit_put('billing', 'mandate.ended', 'mandate:' || m.id, jsonb_build_object('why', p_why));
    return true;
end $$;
comment on function billing.mandate_over(bigint, text) is
'A mandate is over at once: nothing more is debited under it, also nothing that was started and has not left (billing.take_charges); what left is honoured if it succeeds. The rail is told to forget it until it says that it has (ENDING). False: it was over. Callers hold the row of its reader.';

create or replace function billing.mandate_end(p_user_id bigint, p_why text) returns boolean language plpgsql as $$
begin
    return coalesce((select billing.mandate_over(m.id, p_why) from billing.mandate m
                     where m.user_id = p_user_id and m.state in ('WANTED', 'ASKING', 'ASKED', 'UNKNOWN', 'ACTIVE', 'SLEEPING')), false);
end $$;
comment on function billing.mandate_end(bigint, text) is 'billing.mandate_over of the one that a reader has, if she has one.';

create or replace function billing.mandate_sleep(p_mandate_id bigint, p_why text) returns void language plpgsql as $$
declare
    m billing.mandate;
begin
    update billing.mandate x set state = 'SLEEPING', why = p_why, renew_at = null, version = x.version + 1
    where x.id = p_mandate_id and x.state = 'ACTIVE' returning x.* into m;
    if found then
            perform billing.mandate_notice(m.id, case p_why when 'price' then 'auto_price' else 'auto_asleep' end, null, 'sleep:' || m.version);
    end if;
end $$;
comment on function billing.mandate_sleep(bigint, text) is
'Nothing is debited any more until the reader says yes again, and she is told; from now on she is reminded as everybody (push to renew). why: price | period | wallet | plan | lapsed | failed | review.';

create or replace function billing.mandate_notice(p_mandate_id bigint, p_template text, p_at timestamptz, p_once text) returns void
language plpgsql as $$
declare
    m billing.mandate;
    v_lang text;
    v_amount bigint;
begin
    select * into m from billing.mandate where id = p_mandate_id;
    select u.lang into v_lang from auth.users u where u.id = m.user_id;
    v_amount := case p_template when 'auto_price' then (select p.amount_minor from billing.price p where p.id = billing.price_of(m.user_id, m.plan_id)) end;
    perform messaging.enqueue(m.identity_id, 'receipt', v_lang, p_template, jsonb_build_object(
            'plan', (select coalesce(ops.named(p.names, v_lang), p.code) from billing.plan p where p.id = m.plan_id),
            'amount', billing.money_text(coalesce(v_amount, m.amount_minor), m.currency),
            'until', coalesce(billing.local_text(m.user_id, p_at), ''),
            'dial', (select messaging.dial_code_of(i.country) from auth.identity i where i.id = m.identity_id)),
        'mandate:' || m.id || ':' || p_once);
end $$;
comment on function billing.mandate_notice(bigint, text, timestamptz, text) is
'One SMS about a mandate, once a word. A receipt: money is at stake, so a pause does not hold it; callers choose a decent hour.';

create or replace function billing.mandate_line(p_mandate_id bigint) returns text language plpgsql stable as $$
begin
    return (select m.id || ' ' || m.state || coalesce(' (' || m.why || ')', '') || ', ' || m.amount_minor || ' ' || m.currency
                || ', agreed ' || to_char((select max(c.at) from billing.mandate_consent c where c.mandate_id = m.id) at time zone 'utc', 'YYYY-MM-DD HH24:MI')
                || ' by ' || (select c.channel from billing.mandate_consent c where c.mandate_id = m.id order by c.at desc limit 1)
                || case when m.failures > 0 then ', failed ' || m.failures else '' end
            from billing.mandate m where m.id = p_mandate_id);
end $$;
comment on function billing.mandate_line(bigint) is 'A mandate for an operator''s eyes, in a line.';
