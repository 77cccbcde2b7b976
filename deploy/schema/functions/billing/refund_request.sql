-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.refund_left(p_charge_id bigint) returns table (currency text, paid_minor bigint, left_minor bigint)
language plpgsql stable as $$
#variable_conflict use_column
begin
    return query
    select p.currency, p.paid, p.paid - coalesce((select sum(f.amount_minor) from billing.refund f
            where f.charge_id = p_charge_id and f.state not in ('REFUSED', 'REFUND_FAILED')), 0)::bigint
    from (select e.currency::text as currency, sum(e.amount_minor)::bigint as paid
          from billing.charge c join billing.ledger_txn t on t.charge_id = c.id join billing.ledger_entry e on e.txn_id = t.id
          where c.id = p_charge_id and t.refund_id is null and e.account = billing.paid_from(c.rail)
          group by e.currency) p
    limit 1;
end $$;
comment on function billing.refund_left(bigint) is
'What the rail debited for a charge, or what of her credit paid it whole, by the ledger, and how much of it is neither given back nor asked back. No row: nothing was received.';

create or replace function billing.paid_from(p_rail text) returns text language plpgsql immutable as $$
begin
    return case p_rail when 'wallet' then 'liability' else 'clearing' end;
end $$;
comment on function billing.paid_from(text) is 'The account that a sale by this rail was paid from, and that a refund of it goes back to.';

create or replace function billing.refund_ask(p_charge_id bigint, p_amount_minor bigint, p_reason text, p_who text, p_by_hand boolean)
returns table (outcome text, refund_id bigint, left_minor bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_who text := lower(btrim(p_who));
    c billing.charge;
    r billing.rail;
    l record;
    v_amount bigint;
    v_id bigint;
begin
    select * into c from billing.charge where id = p_charge_id for update;
    if not found then
        return query select 'missing', null::bigint, null::bigint;
        return;
    end if;
    select * into l from billing.refund_left(c.id);
    v_amount := coalesce(p_amount_minor, l.left_minor);
    select * into r from billing.rail where code = c.rail;
    if c.settlement is null or l.paid_minor is null then
        return query select 'not_paid', null::bigint, null::bigint;
    elsif r.refunds = 'none' and not p_by_hand then
        return query select 'by_hand', null::bigint, l.left_minor;
    elsif v_amount <= 0 or v_amount > l.left_minor then
        return query select 'above', null::bigint, l.left_minor;
    elsif r.refunds = 'full' and not p_by_hand and v_amount <> l.paid_minor then
        return query select 'whole_only', null::bigint, l.left_minor;
    else
        insert into billing.refund (charge_id, amount_minor, currency, reason, requested_by, requested_at, by_hand)
        values (c.id, v_amount, l.currency, p_reason, v_who, v_now, p_by_hand and c.rail <> 'wallet')
        returning id into v_id;
        perform ops.audit_put(v_who, 'refund.requested', 'charge:' || c.id, jsonb_build_object('refund', v_id, 'amount', v_amount));
        return query select 'ok', v_id, l.left_minor - v_amount;
    end if;
end $$;
comment on function billing.refund_ask(bigint, bigint, text, text, boolean) is
'A person asks that money of a charge go back to its payer; amount null = all that is left. Nothing moves before billing.refund_approve. From now on the amount is reserved: all refunds of a charge together never exceed what the rail debited.
by_hand: a person will make it at the rail''s back office and say so (billing.refund_made); any part, on any rail. What credit paid whole goes back to the credit, whatever was asked.
who: the authenticated person. outcome: ok | missing | not_paid | by_hand (this rail refunds nothing by itself) | above (more than is left, or nothing) | whole_only (this rail gives back whole charges).
refund_id: of the new row; left_minor: what may still be asked for.';

create or replace function billing.refund_request(p_charge_id bigint, p_amount_minor bigint, p_reason text, p_who text)
returns table (outcome text, refund_id bigint, left_minor bigint) language plpgsql as $$
begin
    return query select * from billing.refund_ask(p_charge_id, p_amount_minor, p_reason, p_who, false);
end $$;
comment on function billing.refund_request(bigint, bigint, text, text) is 'billing.refund_ask of a refund that the rail makes.';

create or replace function billing.refund_approve(p_refund_id bigint, p_who text) returns table (outcome text, state text)
language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_who text := lower(btrim(p_who));
    f billing.refund;
    c billing.charge;
    v_payer bigint;
begin
    -- Lock order: users, charge, refund. The payer's row keeps his credit from being spent meanwhile.
    select * into f from billing.refund where id = p_refund_id;
    select i.user_id into v_payer from billing.charge c join auth.identity i on i.id = c.identity_id where c.id = f.charge_id;
    perform 1 from auth.users where id = v_payer for no key update;
    select * into c from billing.charge where id = f.charge_id for update;
    select * into f from billing.refund where id = p_refund_id for update;
    if not found then
        return query select 'missing', null::text;
    elsif f.state <> 'REQUESTED' then
        return query select 'decided', f.state;
    elsif v_who = f.requested_by then
        return query select 'same_person', f.state;
    elsif not f.by_hand and exists (select 1 from billing.charge c join auth.identity i on i.id = c.identity_id
                                    where c.id = f.charge_id and i.gone_for = 'recycled') then
        return query select 'recycled', f.state;
    elsif not billing.refund_reverse(f, v_payer) then
        return query select 'spent', f.state;
    else
        update billing.refund set state = 'APPROVED', decided_by = v_who, decided_at = v_now,
            due_at = case when not f.by_hand then v_now end, version = version + 1
        where id = f.id;
        perform ops.audit_put(v_who, 'refund.approved', 'charge:' || f.charge_id, jsonb_build_object('refund', f.id));
        -- Credit is ours to give back: there is no rail to ask.
        if c.rail = 'wallet' then
            update billing.refund set state = 'REFUNDED', due_at = null, ended_at = v_now where id = f.id;
            perform billing.refund_end(f.id);
            return query select 'ok', 'REFUNDED';
            return;
        end if;
        return query select 'ok', 'APPROVED';
    end if;
end $$;
comment on function billing.refund_approve(bigint, text) is
'Another person than the one who asked lets a refund go: it is booked out of the sale (or credit, or suspense) and sent by the next claim, or waits for the person who makes it by hand, or is over at once (REFUNDED) where credit had paid; wake coko_charge after the commit. who: the authenticated person.
outcome: ok | missing | decided (approved or refused before: state) | same_person | recycled (the number that paid has a new holder: by hand only) | spent (the charge had become credit, and the reader used it).';

create or replace function billing.refund_refuse(p_refund_id bigint, p_who text) returns table (outcome text, state text)
language plpgsql as $$
#variable_conflict use_column
declare
    f billing.refund;
    v_who text := lower(btrim(p_who));
begin
    select * into f from billing.refund where id = p_refund_id for update;
    if not found then
        return query select 'missing', null::text;
    elsif f.state <> 'REQUESTED' then
        return query select 'decided', f.state;
    else
        update billing.refund set state = 'REFUSED', decided_by = v_who, decided_at = ops.now(), ended_at = ops.now(),
            version = version + 1 where id = f.id;
        perform ops.audit_put(v_who, 'refund.refused', 'charge:' || f.charge_id, jsonb_build_object('refund', f.id));
        return query select 'ok', 'REFUSED';
    end if;
end $$;
comment on function billing.refund_refuse(bigint, text) is
'A refund that was asked for is withdrawn or refused, by anybody who may: what it reserved is free again. outcome: ok | missing | decided (state).';
