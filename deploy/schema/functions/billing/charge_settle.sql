-- SPDX-License-Identifier: Apache-2.0
-- Before billing.rail_answers, by its name: while a migration goes on, no new text calls what is not there yet.
create or replace function billing.settle(p_charges bigint[], p_account text) returns bigint[] language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_granted bigint[] := '{}';
    c billing.charge;
begin
    for c in select * from billing.charge ch where ch.id = any (p_charges) order by ch.id loop
        if billing.is_granted(c) or (c.credit_minor > 0 and c.credit_minor > billing.credit_left(c.user_id, c.currency, c.id)) then
            perform billing.credit_from(c, p_account);
            continue;
        elsif c.book_id is not null then
            insert into billing.book_right (user_id, book_id, charge_id, at) values (c.user_id, c.book_id, c.id, v_now);
        else
            perform billing.grant_pass(c.user_id, c.plan_id, 'charge', c.id, null, c.amount_minor + c.credit_minor);
        end if;
        v_granted := v_granted || c.id;
    end loop;
    perform billing.book_sales(v_granted, p_account, v_now);
    for c in select * from billing.charge ch where ch.id = any (v_granted) order by ch.id loop
        perform billing.charge_notice(c.id, case when c.gift_by is not null then 'gift' when c.book_id is not null then 'receipt_book' else 'receipt' end);
        perform messaging.ring_pass(c.id);
    end loop;
    perform auth.recovery_first(array(select ch.user_id from billing.charge ch where ch.id = any (v_granted)));
    return v_granted;
end $$;
comment on function billing.settle(bigint[], text) is
'I4, I5: in the transaction of the success, or of a person''s decision (account suspense: where the money was held): the entitlement (billing.grant_pass) or the book, the ledger entries, the receipt, and the invoice as a paper that is due (billing.number_papers).
What was already granted by another charge, or whose credit that was to pay a part was spent meanwhile, becomes credit of who paid and the SMS says so. Charges of different readers, whose rows are locked. Returns those that were granted.';

create or replace function billing.book_sales(p_charges bigint[], p_account text, p_now timestamptz) returns void language plpgsql as $$
begin
    with sale as (
        select c.id, c.user_id, c.rail, c.currency, c.amount_minor, c.credit_minor, k.code as country, k.tva_permille,
            c.amount_minor + c.credit_minor as ttc, billing.tva_of(c.amount_minor + c.credit_minor, k.tva_permille) as tva
        from billing.charge c join auth.users u on u.id = c.user_id
        -- Of a country that is not ours (a bug) the paper raises: no grant without its sale in the books.
        left join ops.country k on k.code = u.country
        where c.id = any (p_charges)
    ), due as (
        insert into billing.paper_due (charge_id, country, tva_permille) select s.id, s.country, s.tva_permille from sale s order by s.id
    ), txn as (
        insert into billing.ledger_txn (kind, charge_id, user_id, at) select 'sale', s.id, s.user_id, p_now from sale s returning id, charge_id
    )
    insert into billing.ledger_entry (txn_id, account, rail, amount_minor, currency)
    select t.id, e.account, e.rail, e.amount, s.currency
    from txn t join sale s on s.id = t.charge_id
    cross join lateral (values (p_account, case p_account when 'clearing' then s.rail end, s.amount_minor), ('liability', null, s.credit_minor),
                               ('revenue', null, s.tva - s.ttc), ('tva', null, -s.tva)) e(account, rail, amount)
    where e.amount <> 0;
end $$;
comment on function billing.book_sales(bigint[], text, timestamptz) is
'The sales of charges that were just granted, in entries that sum to zero (I9), and their invoices as papers that are due, with the rate of VAT of now.';

create or replace function billing.is_granted(p_charge billing.charge) returns boolean language plpgsql stable as $$
begin
    if p_charge.book_id is not null then
        return exists (select 1 from billing.book_right b where b.user_id = p_charge.user_id and b.book_id = p_charge.book_id);
    end if;
    return exists (select 1 from billing.charge o
                   where o.user_id = p_charge.user_id and o.plan_id = p_charge.plan_id and o.period_no = p_charge.period_no
                     and o.id <> p_charge.id and o.settlement = 'granted');
end $$;
comment on function billing.is_granted(billing.charge) is 'Whether what a charge pays for was granted by another one already: this period of the plan, or this book.';

create or replace function billing.credit_from(p_charge billing.charge, p_account text) returns void language plpgsql as $$
declare
    v_payer bigint := coalesce(p_charge.gift_by, p_charge.user_id);
    v_txn bigint;
begin
    update billing.charge set settlement = 'credited', credit_minor = 0 where id = p_charge.id;
    insert into billing.ledger_txn (kind, charge_id, user_id, at) values ('credit', p_charge.id, v_payer, ops.now()) returning id into v_txn;
    insert into billing.ledger_entry (txn_id, account, rail, amount_minor, currency)
    values (v_txn, p_account, case p_account when 'clearing' then p_charge.rail end, p_charge.amount_minor, p_charge.currency),
           (v_txn, 'liability', null, -p_charge.amount_minor, p_charge.currency);
    perform billing.charge_notice(p_charge.id, 'credited');
end $$;
comment on function billing.credit_from(billing.charge, text) is
'What a rail debited for nothing becomes credit of who paid it, for the next purchase; its reserved credit is free again.';

create or replace function billing.credit_left(p_user_id bigint, p_currency text, p_but_charge bigint) returns bigint language plpgsql stable as $$
begin
    return coalesce((select -sum(e.amount_minor) from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
                     where t.user_id = p_user_id and e.account = 'liability' and e.currency = p_currency), 0)
        - coalesce((select sum(c.credit_minor) from billing.charge c
                    where c.user_id = p_user_id and c.currency = p_currency and c.credit_minor > 0 and not c.superseded
                      and c.state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED')
                      and c.id is distinct from p_but_charge), 0);
end $$;
comment on function billing.credit_left(bigint, text, bigint) is
'Credit of a reader that the next purchase may use: by the ledger, less what her open charges (but one) have reserved.';

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
