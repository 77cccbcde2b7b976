-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.settle_charge(p_charge_id bigint) returns text language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    c billing.charge;
    pl billing.plan;
    co ops.country;
    v_txn bigint;
    v_tva bigint;
    v_start timestamptz;
    v_anchor int;
begin
    select * into c from billing.charge where id = p_charge_id;
    select k.* into co from auth.users u join ops.country k on k.code = u.country where u.id = c.user_id;
    select * into pl from billing.plan where id = c.plan_id;
    if exists (select 1 from billing.charge o
               where o.user_id = c.user_id and o.plan_id = c.plan_id and o.period_no = c.period_no
                 and o.id <> c.id and o.settlement = 'granted') then
        update billing.charge set settlement = 'credited' where id = c.id;
        insert into billing.ledger_txn (kind, charge_id, user_id, at) values ('credit', c.id, c.user_id, v_now) returning id into v_txn;
        insert into billing.ledger_entry (txn_id, account, rail, amount_minor, currency)
        values (v_txn, 'clearing', c.rail, c.amount_minor, c.currency), (v_txn, 'liability', null, -c.amount_minor, c.currency);
        perform billing.charge_notice(c.id, 'credited');
        return 'credited';
    end if;

    select max(e.ends_at), (array_agg(e.anchor_day order by e.ends_at desc))[1] into v_start, v_anchor
    from billing.entitlement e where e.user_id = c.user_id and e.ends_at > v_now;
    v_start := coalesce(v_start, v_now);
    v_anchor := coalesce(
        (select e.anchor_day from billing.entitlement e
         where e.user_id = c.user_id and e.plan_id = c.plan_id and e.ends_at = v_start limit 1),
        extract(day from v_start at time zone co.time_zone)::int);
    insert into billing.entitlement (user_id, plan_id, charge_id, starts_at, ends_at, anchor_day, created_at)
    values (c.user_id, c.plan_id, c.id, v_start,
            billing.add_period(v_start, pl.period_unit, pl.period_count, v_anchor, co.time_zone), v_anchor, v_now);

    v_tva := billing.tva_of(c.amount_minor, co.tva_permille);
    insert into billing.ledger_txn (kind, charge_id, user_id, at) values ('sale', c.id, c.user_id, v_now) returning id into v_txn;
    insert into billing.ledger_entry (txn_id, account, rail, amount_minor, currency)
    select v_txn, e.account, e.rail, e.amount, c.currency
    from (values ('clearing', c.rail, c.amount_minor), ('revenue', null, v_tva - c.amount_minor), ('tva', null, -v_tva)) e(account, rail, amount)
    where e.amount <> 0;
    perform billing.charge_notice(c.id, 'receipt');
    return 'granted';
end $$;
comment on function billing.settle_charge(bigint) is
'I4, I5: called by charge_event in the transaction of the success: the entitlement (after the passes already bought: no lost hour), the ledger entries that sum to zero, the receipt.
If this period was already granted by another charge, the money becomes the reader''s credit and the SMS says so. Returns granted | credited.';

create or replace function billing.tva_of(p_ttc bigint, p_permille int) returns bigint language plpgsql immutable as $$
begin
    return (2 * p_ttc * p_permille + 1000 + p_permille) / (2 * (1000 + p_permille));
end $$;
comment on function billing.tva_of(bigint, int) is 'VAT inside a price: round_half_up(TTC * rate / (1 + rate)) in integers, so that HT + TVA = TTC always.';

create or replace function billing.hold_charge(p_charge_id bigint, p_amount_minor bigint, p_currency text, p_rail_txn text)
returns void language plpgsql as $$
declare
    c billing.charge;
    v_txn bigint;
begin
    select * into c from billing.charge where id = p_charge_id;
    if p_amount_minor > 0 and p_currency ~ '^[A-Z]{3}$' then
        insert into billing.ledger_txn (kind, charge_id, user_id, at) values ('suspense', c.id, c.user_id, ops.now())
        returning id into v_txn;
        insert into billing.ledger_entry (txn_id, account, rail, amount_minor, currency)
        values (v_txn, 'clearing', c.rail, p_amount_minor, p_currency), (v_txn, 'suspense', null, -p_amount_minor, p_currency);
    end if;
    perform ops.audit_put('billing', 'alert.charge_review', 'charge:' || c.id, jsonb_build_object(
        'expected', c.amount_minor, 'currency', c.currency, 'amount', p_amount_minor, 'got_currency', left(p_currency, 8),
        'rail_txn', left(p_rail_txn, 64)));
    perform billing.charge_notice(c.id, 'pending_review');
end $$;
comment on function billing.hold_charge(bigint, bigint, text, text) is
'Money that does not fit its charge: what is known of it goes to suspense, a person is called, the reader is told (I5, I8).';
