-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.start_charge(p_user_id bigint, p_identity_id bigint, p_plan_id bigint, p_price_id bigint,
                                                p_step_key text, p_consent text, p_channel text)
returns table (outcome text, charge_id bigint, our_ref uuid, amount_minor bigint, currency text, hint text, rail text)
language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'start_charge');
begin
    if v is null then
        v := case when (select pl.kind from billing.plan pl where pl.id = p_plan_id) = 'pass'
                  then billing.by_credit(billing.start_charge_once(p_user_id, p_identity_id, p_plan_id, p_price_id, p_consent, p_channel))
                  else '{"outcome": "price_changed"}' end;
        perform ops.step_end(p_step_key, 'start_charge', v);
    end if;
    return query select r.* from jsonb_to_record(v)
        as r(outcome text, charge_id bigint, our_ref uuid, amount_minor bigint, currency text, hint text, rail text);
end $$;
comment on function billing.start_charge(bigint, bigint, bigint, bigint, text, text, text) is
'outcome: created (READY and due after the rail''s push delay: I2, END first) | paid (by credit, whole: granted) |
code (CREATED: the payer fetches a code, dials again and types it) | pending (a charge that this reader pays is open: its data) |
wait (the rail refuses the same amount from the same number so soon: billing.rail.repeat_wait_s) |
active (this plan is paid and not yet in its renewal window) | price_changed (the price is no longer today''s: amount and currency of today''s) |
no_rail (no enabled rail serves the payer and so small an amount; a test number has the lab''s only). Idempotent by step (S2); at most one open charge a reader and one paid a period (I1).';

create or replace function billing.start_charge_once(p_user_id bigint, p_identity_id bigint, p_plan_id bigint, p_price_id bigint,
                                                     p_consent text, p_channel text)
returns jsonb language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    u auth.users;
    i auth.identity;
    c billing.charge;
    p billing.price;
    r billing.rail;
    pl billing.plan;
    v_credit bigint := 0;
begin
    select * into i from auth.identity where id = p_identity_id;
    perform 1 from auth.users where id in (p_user_id, i.user_id) order by id for no key update;
    -- Again, under the locks: a number that moved meanwhile pays nothing for a reader who is not there any more.
    select * into i from auth.identity where id = p_identity_id;
    if i.gone_at is not null or exists (select 1 from auth.users x where x.id = p_user_id and x.status = 'deleted') then
        return '{"outcome": "no_rail"}';
    end if;
    select * into u from auth.users where id = i.user_id;
    select * into c from billing.charge
    where coalesce(gift_by, user_id) = i.user_id and not superseded
      and state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED');
    if found then
        return billing.charge_json('pending', c, i.country, u.lang);
    end if;
    select * into pl from billing.plan where id = p_plan_id;
    if i.user_id = p_user_id and exists (select 1 from billing.entitlement e
               where e.user_id = p_user_id and e.plan_id = p_plan_id and e.ends_at > v_now + pl.renew_before) then
        return jsonb_build_object('outcome', 'active');
    end if;
    select * into p from billing.price where id = billing.price_of(i.user_id, p_plan_id);
    if p.id is null or p.id is distinct from p_price_id or not billing.plan_for(pl, i.user_id) then
        return jsonb_build_object('outcome', 'price_changed', 'amount_minor', p.amount_minor, 'currency', p.currency);
    end if;
    if i.user_id = p_user_id then
        v_credit := least(greatest(billing.credit_left(p_user_id, p.currency, null), 0), p.amount_minor);
    end if;
    if v_credit = p.amount_minor then
        select * into r from billing.rail where code = 'wallet';
    else
        r := billing.rail_for(i, p.amount_minor - v_credit);
    end if;
    if r.code is null then
        return jsonb_build_object('outcome', 'no_rail', 'amount_minor', p.amount_minor, 'currency', p.currency);
    end if;
    if r.repeat_wait_s > 0 and exists (
        select 1 from billing.charge b
        where coalesce(b.gift_by, b.user_id) = i.user_id and b.identity_id = p_identity_id and b.rail = r.code
          and b.amount_minor = p.amount_minor - v_credit and b.attempts > 0 and b.ended_at > v_now - make_interval(secs => r.repeat_wait_s)) then
        return jsonb_build_object('outcome', 'wait', 'amount_minor', p.amount_minor - v_credit, 'currency', p.currency, 'rail', r.code);
    end if;
    insert into billing.charge (user_id, identity_id, plan_id, price_id, period_no, rail, amount_minor, credit_minor, currency, channel, consent,
                                gift_by, state, created_at, due_at)
    values (p_user_id, p_identity_id, p_plan_id, p.id,
            1 + coalesce((select max(g.period_no) from billing.charge g where g.user_id = p_user_id and g.plan_id = p_plan_id
                          and (g.settlement = 'granted' or (not g.superseded and (g.settlement = 'review' or g.state in ('CREATED', 'READY',
                               'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED'))))), 0),
            r.code, p.amount_minor - v_credit, v_credit, p.currency, p_channel, p_consent, nullif(i.user_id, p_user_id),
            case r.flow when 'code' then 'CREATED' else 'READY' end, v_now,
            v_now + make_interval(secs => case r.flow when 'code' then r.prompt_s else r.push_delay_s end))
    returning * into c;
    return billing.charge_json(case r.flow when 'code' then 'code' else 'created' end, c, i.country, u.lang);
end $$;
comment on function billing.start_charge_once(bigint, bigint, bigint, bigint, text, text) is
'The body of billing.start_charge, under the lock of the rows of who reads and who pays: two hops, phones or channels in the same second make one charge.
An identity of somebody else makes it a gift. Credit of a reader who buys for herself pays first; what is left is what the rail is asked for.';

create or replace function billing.by_credit(p_started jsonb) returns jsonb language plpgsql as $$
declare
    v_now timestamptz := ops.now();
begin
    update billing.charge set state = 'SUCCEEDED', settlement = 'granted', ended_at = v_now, due_at = null, version = version + 1
    where id = (p_started->>'charge_id')::bigint and state = 'READY' and rail = 'wallet';
    if not found then
        return p_started;
    end if;
    perform billing.settle(array[(p_started->>'charge_id')::bigint], 'clearing');
    return p_started || '{"outcome": "paid", "hint": ""}';
end $$;
comment on function billing.by_credit(jsonb) is
'A charge that was just made and that credit covers whole is settled at once, in the same transaction: there is no rail to ask. Any other is given back as it is.';

create or replace function billing.charge_json(p_outcome text, p_charge billing.charge, p_country text, p_lang text)
returns jsonb language plpgsql stable as $$
begin
    return jsonb_build_object('outcome', p_outcome, 'charge_id', p_charge.id, 'our_ref', p_charge.our_ref,
        'amount_minor', p_charge.amount_minor, 'currency', p_charge.currency, 'rail', p_charge.rail,
        'hint', billing.rail_hint(p_charge.rail, p_country, p_lang));
end $$;
comment on function billing.charge_json(text, billing.charge, text, text) is
'A charge as start_charge answers it, with the approval hint of its rail in the reader''s language.';

create or replace function billing.rail_hint(p_rail text, p_country text, p_lang text) returns text language plpgsql stable as $$
begin
    return coalesce((select h.body from billing.approval_hint h
                     join ops.language l on l.code = h.lang
                     left join ops.language r on r.code = p_lang
                     where h.rail = p_rail and h.country in (p_country, '*')
                     order by (h.lang = p_lang) desc, (h.lang = r.falls_to) desc nulls last, l.sort, (h.country = '*') limit 1), '');
end $$;
comment on function billing.rail_hint(text, text, text) is
'What a payer must do to see or approve a rail''s prompt, in a language or the one it falls back to; the country''s text before the general one.';
