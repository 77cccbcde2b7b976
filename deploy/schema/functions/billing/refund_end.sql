-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.refund_book(p_refund billing.refund, p_kind text, p_entries jsonb) returns void language plpgsql as $$
declare
    c billing.charge;
    v_txn bigint;
begin
    select * into c from billing.charge where id = p_refund.charge_id;
    insert into billing.ledger_txn (kind, charge_id, refund_id, user_id, at)
    values (p_kind, c.id, p_refund.id, (select i.user_id from auth.identity i where i.id = c.identity_id), ops.now())
    returning id into v_txn;
    insert into billing.ledger_entry (txn_id, account, rail, amount_minor, currency)
    select v_txn, e.key, case e.key when 'clearing' then c.rail end, e.value::bigint, p_refund.currency
    from jsonb_each_text(p_entries) e where e.value::bigint <> 0;
end $$;
comment on function billing.refund_book(billing.refund, text, jsonb) is
'One ledger transaction of a refund: {account: minor units}, debits positive (I9). Once a kind and refund.';

create or replace function billing.refund_reverse(p_refund billing.refund, p_payer bigint) returns boolean language plpgsql as $$
declare
    c billing.charge;
    v_gross bigint;
    v_tva bigint;
    v_back bigint;
begin
    select * into c from billing.charge where id = p_refund.charge_id;
    if c.settlement = 'review' then
        perform billing.refund_book(p_refund, 'reversal', jsonb_build_object('suspense', p_refund.amount_minor, 'refunds', -p_refund.amount_minor));
    elsif c.settlement = 'credited' then
        if p_refund.amount_minor > billing.credit_left(p_payer, p_refund.currency, null) then
            return false;
        end if;
        perform billing.refund_book(p_refund, 'reversal', jsonb_build_object('liability', p_refund.amount_minor, 'refunds', -p_refund.amount_minor));
    else
        -- What was sold, and how much of it and of its VAT was reversed: the parts add up to the whole exactly.
        select -sum(e.amount_minor) filter (where t.kind = 'sale'),
               -sum(e.amount_minor) filter (where t.kind = 'sale' and e.account = 'tva'),
               p_refund.amount_minor + coalesce(sum(e.amount_minor) filter (where t.kind <> 'sale'), 0)
        into v_gross, v_tva, v_back
        from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
        where t.charge_id = c.id and e.account in ('revenue', 'tva');
        v_tva := (2 * coalesce(v_tva, 0) * v_back + v_gross) / (2 * v_gross) - coalesce((
            select sum(e.amount_minor) from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
            where t.charge_id = c.id and t.kind <> 'sale' and e.account = 'tva'), 0);
        perform billing.refund_book(p_refund, 'reversal', jsonb_build_object('revenue', p_refund.amount_minor - v_tva, 'tva', v_tva,
                                                                             'refunds', -p_refund.amount_minor));
    end if;
    return true;
end $$;
comment on function billing.refund_reverse(billing.refund, bigint) is
'Books an approved refund out of where the charge''s money is: the sale with its part of the VAT, the payer''s credit, or suspense. False: the credit was spent.';

create or replace function billing.refund_end(p_refund_id bigint) returns void language plpgsql as $$
declare
    f billing.refund;
    c billing.charge;
    v_whole boolean;
    v_credit jsonb := '{}';
begin
    select * into f from billing.refund where id = p_refund_id;
    select * into c from billing.charge where id = f.charge_id;
    if f.state = 'REFUND_FAILED' then
        perform billing.refund_book(f, 'refund_return', (
            select jsonb_object_agg(e.account, -e.amount_minor) from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
            where t.refund_id = f.id and t.kind = 'reversal'));
        perform ops.audit_put('billing', 'alert.refund_failed', 'charge:' || f.charge_id,
            jsonb_build_object('refund', f.id, 'answer', left(f.answer, 100)));
        return;
    end if;
    v_whole := (select l.left_minor = 0 from billing.refund_left(f.charge_id) l)
        and not exists (select 1 from billing.refund o where o.charge_id = f.charge_id
                        and o.state in ('REQUESTED', 'APPROVED', 'REFUNDING', 'REFUND_UNKNOWN'));
    if v_whole and c.rail <> 'wallet' then
        v_credit := billing.refund_credit(f.charge_id);
    end if;
    perform billing.refund_book(f, 'refund', jsonb_build_object('refunds', f.amount_minor, billing.paid_from(c.rail), -f.amount_minor) || v_credit);
    perform billing.refund_notice(f.id);
    if v_whole then
        perform billing.end_pass(f.charge_id);
        -- Who has her money back did not want the pass: no next one is debited before she says yes again.
        perform billing.mandate_sleep(m.id, 'lapsed') from billing.mandate m
        where m.user_id = c.user_id and m.state = 'ACTIVE' and c.settlement = 'granted' and c.book_id is null;
    end if;
    insert into billing.paper_due (refund_id) values (f.id);
end $$;
comment on function billing.refund_end(bigint) is
'The end of a refund, in the transaction of its event. REFUNDED: the money leaves the rail''s clearing (or is credit again, where credit had paid), the payer is told, a charge that was given back whole gives nothing any more (a mandate of its reader sleeps), and a credit note is due (billing.number_papers; none is made where there was no sale). REFUND_FAILED: booked back, a person is called.';

create or replace function billing.refund_credit(p_charge_id bigint) returns jsonb language plpgsql stable as $$
declare
    v_credit bigint := (select c.credit_minor from billing.charge c where c.id = p_charge_id and c.settlement = 'granted');
    v_tva bigint;
begin
    if coalesce(v_credit, 0) = 0 then
        return '{}';
    end if;
    v_tva := (select -sum(e.amount_minor) from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
              where t.charge_id = p_charge_id and e.account = 'tva');
    return jsonb_build_object('revenue', v_credit - v_tva, 'tva', v_tva, 'liability', -v_credit);
end $$;
comment on function billing.refund_credit(bigint) is
'The part of a charge that credit had paid goes back to the credit, with the VAT that is left in the sale, once the rail has given back all of its own part.';

create or replace function billing.end_pass(p_charge_id bigint) returns void language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    e billing.entitlement;
    v_freed interval;
begin
    delete from billing.book_right where charge_id = p_charge_id;
    select * into e from billing.entitlement where charge_id = p_charge_id for update;
    if not found or e.ends_at <= v_now then
        return;
    end if;
    v_freed := e.ends_at - greatest(e.starts_at, v_now);
    if e.starts_at < v_now then
        update billing.entitlement set ends_at = v_now, remind_at = null, given_back = true where id = e.id;
    else
        delete from billing.entitlement where id = e.id;
    end if;
    update billing.entitlement o set starts_at = o.starts_at - v_freed, ends_at = o.ends_at - v_freed
    where o.user_id = e.user_id and o.starts_at >= e.ends_at;
end $$;
comment on function billing.end_pass(bigint) is
'The pass of a refunded charge ends now, or never begins, and a book bought with it is hers no more; passes that were to follow it move up, so that no hour is lost and none overlaps.';

create or replace function billing.refund_notice(p_refund_id bigint) returns void language plpgsql as $$
declare
    f billing.refund;
    c billing.charge;
    v_to bigint;
    v_lang text;
begin
    select * into f from billing.refund where id = p_refund_id;
    select * into c from billing.charge where id = f.charge_id;
    for v_to, v_lang in
        select i.id, u.lang from auth.identity i join auth.users u on u.id = i.user_id where i.id = c.identity_id
        union
        (select i.id, u.lang from auth.identity i join auth.users u on u.id = i.user_id
         where i.user_id = c.user_id and i.kind = 'phone'
           and not exists (select 1 from auth.identity p where p.id = c.identity_id and p.user_id = c.user_id)
         order by i.last_seen_at desc, i.id limit 1)
    loop
        perform messaging.enqueue(v_to, 'receipt', v_lang, case c.rail when 'wallet' then 'refunded_credit' else 'refunded' end, jsonb_build_object(
            'plan', (select coalesce(ops.named(p.names, v_lang), p.code) from billing.plan p where p.id = c.plan_id),
            'amount', billing.money_text(f.amount_minor, f.currency), 'ref', right(coalesce(f.rail_txn, left(f.our_ref::text, 8)), 12)),
            'refund:' || f.id || ':refunded:' || v_to);
    end loop;
end $$;
comment on function billing.refund_notice(bigint) is
'One SMS to the payer that his money is back, and one to the reader whom he had given the pass; once a phone.';
