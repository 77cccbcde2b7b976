-- SPDX-License-Identifier: Apache-2.0
-- What persons decide about money, each proving who it is with a secret: reviews, and refunds that take two of them.

create or replace function billing.review_decide(p_charge_id bigint, p_what text, p_reason text, p_who text) returns table (outcome text, settlement text)
language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    c billing.charge;
    h record;
    v_account text;
    v_end text;
begin
    -- Lock order: users, then the charge (a settlement stacks the reader's passes, credit is the payer's).
    perform 1 from auth.users u where u.id in (select unnest(array[x.user_id, x.gift_by]) from billing.charge x where x.id = p_charge_id)
    order by u.id for no key update;
    select * into c from billing.charge where id = p_charge_id for update;
    select * into h from billing.held_of(p_charge_id);
    if c.id is null then
        return query select 'missing', null::text;
        return;
    elsif c.state <> 'REVIEW' then
        return query select 'no_review', c.settlement;
        return;
    elsif exists (select 1 from billing.refund f where f.charge_id = c.id and f.state not in ('REFUSED', 'REFUND_FAILED')) then
        return query select 'refunding', c.settlement;
        return;
    end if;
    if p_what = 'dismiss' then
        if h.held_minor is not null then
            return query select 'held', c.settlement;
            return;
        end if;
        update billing.charge set state = 'FAILED', settlement = null, reason = left('dismissed: ' || p_reason, 200), version = version + 1
        where id = c.id;
        perform billing.charge_notice(c.id, 'declined');
        v_end := 'nothing';
    else
        v_account := case when h.held_minor is null then 'clearing' else 'suspense' end;
        if h.currency <> c.currency then
            return query select 'other_currency', c.settlement;
            return;
        elsif p_what = 'grant' and h.held_minor <> c.amount_minor then
            return query select 'not_the_price', c.settlement;
            return;
        end if;
        update billing.charge set state = 'SUCCEEDED_LATE', settlement = 'granted', reason = left('decided: ' || p_reason, 200), version = version + 1
        where id = c.id returning * into c;
        if p_what = 'grant' then
            v_end := case when c.id = any (billing.settle(array[c.id], v_account)) then 'granted' else 'credited' end;
        else
            c.amount_minor := coalesce(h.held_minor, c.amount_minor);
            perform billing.credit_from(c, v_account);
            v_end := 'credited';
        end if;
    end if;
    perform ops.audit_put(p_who, 'review.' || p_what, 'charge:' || c.id, jsonb_build_object('end', v_end, 'reason', left(p_reason, 200)));
    return query select 'ok', v_end;
end $$;
comment on function billing.review_decide(bigint, text, text, text) is
'A person ends a REVIEW after a look into the rail''s back office. grant: the price did come, the reader has what she paid for (or its credit, if another charge gave it meanwhile). credit: what is held, or the price where the amount was never known, becomes the payer''s credit. dismiss: nothing came, which what is held in suspense contradicts. Its money may go back by billing.refund_ask as any other''s.
what: grant | credit | dismiss. outcome: ok (settlement: granted | credited | nothing) | missing | no_review | refunding | held | other_currency | not_the_price.';

create or replace function billing.desk_decide(p_keys bytea[], p_operator text, p_charge_id bigint, p_what text, p_reason text)
returns table (outcome text, detail text) language plpgsql as $$
declare
    v_who text := auth.staff_who(p_keys, 'treasurer', p_operator, 'charge:' || p_charge_id);
begin
    if v_who is null then
        return query select 'who', null::text;
    else
        return query select d.outcome, d.settlement from billing.review_decide(p_charge_id, p_what, p_reason, v_who) d;
    end if;
end $$;
comment on function billing.desk_decide(bytea[], text, bigint, text, text) is 'billing.review_decide by the person whose secret this is; outcome also who: nobody''s.';

create or replace function billing.desk_refund(p_keys bytea[], p_operator text, p_charge_id bigint, p_amount_minor bigint, p_reason text, p_by_hand boolean)
returns table (outcome text, detail text) language plpgsql as $$
declare
    v_who text := auth.staff_who(p_keys, 'treasurer', p_operator, 'charge:' || p_charge_id);
begin
    if v_who is null then
        return query select 'who', null::text;
    else
        return query select a.outcome, coalesce(a.refund_id, a.left_minor)::text
        from billing.refund_ask(p_charge_id, p_amount_minor, p_reason, v_who, p_by_hand) a;
    end if;
end $$;
comment on function billing.desk_refund(bytea[], text, bigint, bigint, text, boolean) is
'billing.refund_ask by the person whose secret this is; outcome also who. detail: the refund''s id, else what may be asked for.';

create or replace function billing.desk_answer(p_keys bytea[], p_operator text, p_refund_id bigint, p_what text)
returns table (outcome text, detail text) language plpgsql as $$
declare
    v_who text := auth.staff_who(p_keys, 'treasurer', p_operator, 'refund:' || p_refund_id);
begin
    if v_who is null then
        return query select 'who', null::text;
    elsif p_what = 'approve' then
        return query select a.outcome, a.state from billing.refund_approve(p_refund_id, v_who) a;
    else
        return query select a.outcome, a.state from billing.refund_refuse(p_refund_id, v_who) a;
    end if;
end $$;
comment on function billing.desk_answer(bytea[], text, bigint, text) is
'billing.refund_approve or refund_refuse by the person whose secret this is; outcome also who. The secret that asked is the person who asked: same_person.';

create or replace function billing.refund_made(p_refund_id bigint, p_rail_txn text, p_why_not text, p_who text) returns table (outcome text, state text)
language plpgsql as $$
#variable_conflict use_column
declare
    v_txn text := nullif(btrim(p_rail_txn), '');
    f billing.refund;
    c billing.charge;
begin
    -- Lock order: users, charge, refund (an end of the pass stacks the reader's later ones).
    select x.* into c from billing.charge x join billing.refund r on r.charge_id = x.id where r.id = p_refund_id;
    perform 1 from auth.users u where u.id = c.user_id for no key update;
    perform 1 from billing.charge x where x.id = c.id for update;
    select * into f from billing.refund where id = p_refund_id for update;
    if not found then
        return query select 'missing', null::text;
        return;
    elsif not f.by_hand then
        return query select 'not_by_hand', f.state;
        return;
    elsif f.state <> 'APPROVED' then
        return query select 'not_approved', f.state;
        return;
    elsif exists (select 1 from billing.refund o join billing.charge x on x.id = o.charge_id and x.rail = c.rail where o.rail_txn = v_txn) then
        return query select 'seen', f.state;
        return;
    end if;
    update billing.refund set state = case when v_txn is null then 'REFUND_FAILED' else 'REFUNDED' end, rail_txn = v_txn, made_by = p_who,
        answer = left(p_why_not, 200), ended_at = ops.now(), version = version + 1
    where id = f.id returning * into f;
    perform billing.refund_end(f.id);
    perform ops.audit_put(p_who, case when v_txn is null then 'refund.not_made' else 'refund.made' end, 'charge:' || c.id,
        jsonb_build_object('refund', f.id, 'rail_txn', v_txn, 'reason', left(p_why_not, 200)));
    return query select 'ok', f.state;
end $$;
comment on function billing.refund_made(bigint, text, text, text) is
'A person says that an approved refund by hand was made at the rail''s back office, under this id of the rail: it is booked out of the clearing and the payer is told. Without an id: it could not be made (why_not), and is booked back.
outcome: ok | missing | not_by_hand | not_approved (state) | seen (the rail''s id stands on another refund).';

create or replace function billing.desk_made(p_keys bytea[], p_operator text, p_refund_id bigint, p_rail_txn text, p_why_not text)
returns table (outcome text, detail text) language plpgsql as $$
declare
    v_who text := auth.staff_who(p_keys, 'treasurer', p_operator, 'refund:' || p_refund_id);
begin
    if v_who is null then
        return query select 'who', null::text;
    else
        return query select m.outcome, m.state from billing.refund_made(p_refund_id, p_rail_txn, p_why_not, v_who) m;
    end if;
end $$;
comment on function billing.desk_made(bytea[], text, bigint, text, text) is 'billing.refund_made by the person whose secret this is; outcome also who.';

create or replace function billing.refund_list(p_max int)
returns table (id text, charge text, state text, amount text, how text, asked text, age text, reason text) language plpgsql stable as $$
begin
    return query
    select f.id::text, f.charge_id::text, f.state, f.amount_minor || ' ' || f.currency, c.rail || case when f.by_hand then ' by hand' else '' end,
        f.requested_by || coalesce(', ' || f.decided_by, ''), to_char(ops.now() - f.requested_at, 'FMDDD"d" HH24:MI'), billing.no_number(f.reason)
    from billing.refund f join billing.charge c on c.id = f.charge_id
    where f.state in ('REQUESTED', 'APPROVED', 'REFUNDING', 'REFUND_UNKNOWN')
    order by f.id limit p_max;
end $$;
comment on function billing.refund_list(int) is 'Refunds that are not over, the oldest first: whom they wait for, the rail or a person.';
