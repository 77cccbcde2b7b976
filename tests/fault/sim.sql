-- SPDX-License-Identifier: Apache-2.0
-- The simulation's side of its database: a clock that the simulation sets, every move of a charge as it happened, and the
-- oracles. Loaded once into a migrated database; never into one that a daemon serves.
create schema sim;

-- All rules read ops.now(); here it is what the simulation says.
create or replace function ops.now() returns timestamptz language plpgsql stable parallel safe as $$
begin
    return timestamptz 'epoch' + current_setting('sim.us')::bigint * interval '1 microsecond';
end $$;

create table sim.move (
    id         bigint generated always as identity primary key,
    charge_id  bigint not null,
    from_state text,
    to_state   text not null,
    from_ref   uuid,
    to_ref     uuid not null,
    doing      text not null,
    at         timestamptz not null
);
create index move_charge on sim.move (charge_id);

create function sim.on_move() returns trigger language plpgsql as $$
begin
    insert into sim.move (charge_id, from_state, to_state, from_ref, to_ref, doing, at)
    values (new.id, case tg_op when 'UPDATE' then old.state end, new.state, case tg_op when 'UPDATE' then old.our_ref end, new.our_ref,
            coalesce(current_setting('sim.told', true)::jsonb->>new.id::text, current_setting('sim.doing')), ops.now());
    return null;
end $$;
create trigger sim_born after insert on billing.charge for each row execute function sim.on_move();
create trigger sim_moved after update on billing.charge for each row
    when (new.state <> old.state or new.our_ref <> old.our_ref or new.settlement is distinct from old.settlement)
    execute function sim.on_move();

-- What a moment shows and the end would hide.
create table sim.broken (user_id bigint not null, rule text not null, detail text not null);

create function sim.on_born() returns trigger language plpgsql as $$
begin
    if exists (select 1 from billing.charge o where coalesce(o.gift_by, o.user_id) = coalesce(new.gift_by, new.user_id)
               and o.id <> new.id and not o.superseded
               and o.state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED')) then
        insert into sim.broken values (new.user_id, 'I1', format('charge %s was born beside an open one', new.id));
    end if;
    return null;
end $$;
create trigger sim_alone after insert on billing.charge for each row execute function sim.on_born();

create function sim.on_refund() returns trigger language plpgsql as $$
begin
    if (select sum(f.amount_minor) from billing.refund f where f.charge_id = new.charge_id and f.state not in ('REFUSED', 'REFUND_FAILED'))
       > (select coalesce(sum(e.amount_minor), 0) from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
          where t.charge_id = new.charge_id and t.refund_id is null and e.account = 'clearing') then
        insert into sim.broken select c.user_id, 'refund', format('charge %s is asked for more than was paid', c.id)
        from billing.charge c where c.id = new.charge_id;
    end if;
    return null;
end $$;
create trigger sim_asked after insert on billing.refund for each row execute function sim.on_refund();

-- The drawing of section 6, written anew and not read from billing.charge_transition, which may be what is wrong.
create table sim.legal (from_state text, to_state text, primary key (from_state, to_state));
insert into sim.legal
select f, t from (values
    ('CREATED', '{READY,EXPIRED}'), ('READY', '{SUBMITTING,EXPIRED}'),
    ('SUBMITTING', '{READY,PENDING,UNKNOWN,SUCCEEDED,FAILED,EXPIRED,REVIEW,CREATED}'),
    ('PENDING', '{UNRESOLVED,SUCCEEDED,FAILED,EXPIRED,REVIEW}'),
    ('UNKNOWN', '{READY,PENDING,UNRESOLVED,SUCCEEDED,FAILED,EXPIRED,REVIEW}'),
    ('UNRESOLVED', '{SUCCEEDED,FAILED,EXPIRED,REVIEW}'),
    ('FAILED', '{SUCCEEDED_LATE,REVIEW}'), ('EXPIRED', '{SUCCEEDED_LATE,REVIEW}')) v(f, ts), unnest(v.ts::text[]) t;

-- What the rail says of itself: a row a reference. told: it spoke of other money than it took, or of another's transaction.
create view sim.account as
select c.id, c.user_id, coalesce(c.gift_by, c.user_id) as payer, c.rail, c.plan_id, c.period_no, c.identity_id, c.our_ref::text as our_ref, c.state, c.settlement, c.superseded, c.amount_minor,
    c.currency::text as currency, c.due_at, c.claimed_by,
    coalesce((select sum(e.amount_minor) from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
              where t.charge_id = c.id and e.account = 'clearing'), 0)::bigint as clearing,
    (select count(*) from billing.entitlement n where n.charge_id = c.id) as passes,
    (select count(*) from billing.ledger_txn t where t.charge_id = c.id and t.kind = 'sale') as sales,
    (select count(*) from billing.ledger_txn t where t.charge_id = c.id and t.kind = 'credit') as credits,
    (select count(*) from messaging.message m where (m.dedupe >= 'charge:' || c.id || ':receipt:' and m.dedupe < 'charge:' || c.id || ':receipt;')
        or (m.dedupe >= 'charge:' || c.id || ':gift:' and m.dedupe < 'charge:' || c.id || ':gift;')) as receipts,
    coalesce((select sum(f.amount_minor) from billing.refund f where f.charge_id = c.id and f.state = 'REFUNDED'), 0)::bigint as refunded
from billing.charge c;

create function sim.check_charges(p_users bigint[], p_rail jsonb) returns table (rule text, detail text) language sql as $$
    with a as (select * from sim.account where user_id = any(p_users)),
    r as (select * from jsonb_to_recordset(p_rail->'charges')
          as r(ref text, status text, debited bigint, currency text, debits int, told boolean, refunded bigint)),
    x as (select a.*, r.ref, r.status as at_rail, coalesce(r.debited, 0) as debited, r.currency as debit_currency, coalesce(r.debits, 0) as debits,
                 coalesce(r.told, false) as told, coalesce(r.refunded, 0) as rail_refunded
          from a left join r on r.ref = a.our_ref)
    select 'liveness', format('charge %s is %s, at the rail %s', id, state, at_rail) from x
    where state not in ('SUCCEEDED', 'SUCCEEDED_LATE', 'FAILED', 'EXPIRED', 'REVIEW') or due_at is not null or claimed_by is not null
    union all
    select 'I1', format('payer %s has %s open charges', payer, count(*)) from a
    where not superseded and state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED')
    group by payer having count(*) > 1
    union all
    select 'I1', format('reader %s has period %s of plan %s %s times', user_id, period_no, plan_id, count(*)) from a
    where settlement = 'granted' group by user_id, plan_id, period_no having count(*) > 1
    union all
    select 'I2', format('the rail has %s, which no charge is', r.ref) from r where not exists (select 1 from a where a.our_ref = r.ref)
    union all
    select 'I1', format('charge %s was debited %s times', id, debits) from x where debits > 1
    union all
    select 'I4', format('charge %s granted: %s passes, %s sales, %s receipts, %s refunded', id, passes, sales, receipts, refunded) from x
    where settlement = 'granted'
      and (sales <> 1 or passes > 1 or (passes = 0 and refunded < amount_minor) or receipts <> (
           select case when i.user_id = x.user_id then 1 else 2 end from auth.identity i where i.id = x.identity_id))
    union all
    select 'I4', format('charge %s is %s and has a pass, a sale or a receipt', id, coalesce(settlement, state)) from x
    where settlement is distinct from 'granted' and passes + sales + receipts > 0
    union all
    select 'I5', format('charge %s credited: %s credits', id, credits) from x where (settlement = 'credited') <> (credits = 1)
    union all
    select 'I5', format('charge %s is %s and the rail debited %s', id, state, debited) from x where debited > 0 and settlement is null
    union all
    select 'I5', format('charge %s is %s, %s, and the rail debited nothing (%s)', id, state, settlement, at_rail) from x
    where debited = 0 and settlement is not null and rail <> 'wallet'
    union all
    select 'I8', format('charge %s of %s %s was settled for %s %s', id, amount_minor, currency, debited, debit_currency) from x
    where settlement in ('granted', 'credited') and (debited <> amount_minor or debit_currency <> currency)
    union all
    select 'I8', format('charge %s waits for a person, and its %s %s were right', id, debited, debit_currency) from x
    where settlement = 'review' and debited = amount_minor and debit_currency = currency and not told
    union all
    select 'books', format('charge %s: the rail has %s - %s, the ledger %s', id, debited, rail_refunded, clearing) from x
    where not told and (debited = 0 or debit_currency = currency) and clearing <> debited - rail_refunded
    union all
    select 'I8', format('charges %s and %s have one transaction of the rail', c.id, o.id) from billing.charge c
    join billing.charge o on o.rail = c.rail and o.rail_txn = c.rail_txn and o.id > c.id where c.user_id = any(p_users)
    union all
    select 'I13', format('charge %s was superseded and is %s while the rail debited %s', id, state, debited) from x
    where superseded and debited > 0 and settlement is null
$$;

create function sim.check_moves(p_users bigint[]) returns table (rule text, detail text) language sql as $$
    with m as (select m.*, c.rail from sim.move m join billing.charge c on c.id = m.charge_id where c.user_id = any(p_users))
    select rule, detail from sim.broken where user_id = any(p_users)
    union all
    select case when from_state like 'SUCCEEDED%' or from_state = 'REVIEW' then 'I10' else 'moves' end,
        format('charge %s: %s -> %s by %s', charge_id, from_state, to_state, doing) from m
    where from_state <> to_state and not exists (select 1 from sim.legal l where l.from_state = m.from_state and l.to_state = m.to_state)
      and not (rail = 'wallet' and from_state = 'READY' and to_state = 'SUCCEEDED')  -- credit covers it whole: no rail is asked
    union all
    select 'I7', format('charge %s: %s -> %s by a callback', charge_id, from_state, to_state) from m
    where doing like 'inbox%' or doing like 'callback%'
    union all
    select 'I12', format('charge %s: %s -> %s, and the rail had said nothing', charge_id, from_state, to_state) from m
    where doing in ('charge.event:nothing', 'charge.event:there') and from_state <> to_state
      and (to_state like 'SUCCEEDED%' or to_state in ('FAILED', 'EXPIRED', 'REVIEW'))
    union all
    select 'I12', format('charge %s waits at the rail, which never said that it has it', charge_id) from m
    where doing = 'charge.event:nothing' and from_state = 'SUBMITTING' and to_state = 'PENDING'
    union all
    select 'M4', format('charge %s: %s -> %s by %s, without a word of the rail', charge_id, from_state, to_state, doing) from m
    where from_state in ('SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED') and to_state in ('FAILED', 'EXPIRED', 'SUCCEEDED', 'REVIEW')
      and doing not like 'charge.event:%'
    union all
    select 'I8', format('charge %s: %s -> %s for other money', charge_id, from_state, to_state) from m
    where doing = 'charge.event:wrong' and from_state <> to_state and to_state <> 'REVIEW'
      and (to_state like 'SUCCEEDED%' or to_state in ('FAILED', 'EXPIRED'))
    union all
    select 'I3', format('charge %s has a second reference', charge_id) from m where from_ref <> to_ref
    union all
    select 'M4', format('charge %s was sent again %s after %s', a.charge_id, a.n, b.event) from billing.attempt a
    join billing.attempt b on b.charge_id = a.charge_id and b.n = a.n - 1 join billing.charge c on c.id = a.charge_id
    where c.user_id = any(p_users) and coalesce(b.event, 'nothing') not in ('not_sent', 'unknown')
$$;

create function sim.check_books(p_users bigint[]) returns table (rule text, detail text) language sql as $$
    select 'I9', format('transaction %s sums to %s %s', t.id, sum(e.amount_minor), e.currency)
    from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
    where t.user_id = any(p_users) group by t.id, e.currency having sum(e.amount_minor) <> 0
    union all
    select 'I9', format('transaction %s has no entries', t.id) from billing.ledger_txn t
    where t.user_id = any(p_users) and not exists (select 1 from billing.ledger_entry e where e.txn_id = t.id)
    union all
    select 'I5', format('charge %s was credited, and its payer has nothing of it', c.id) from billing.charge c
    where c.user_id = any(p_users) and c.settlement = 'credited' and not exists (
        select 1 from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
        where t.charge_id = c.id and t.kind = 'credit' and e.account = 'liability' and e.amount_minor = -c.amount_minor)
    union all
    select 'passes', format('two passes of reader %s overlap', a.user_id) from billing.entitlement a
    join billing.entitlement b on b.user_id = a.user_id and b.id > a.id and b.starts_at < a.ends_at and a.starts_at < b.ends_at
    where a.user_id = any(p_users)
    union all
    select 'I5', format('charge %s waits for a person, and nobody was called', c.id) from billing.charge c
    where c.user_id = any(p_users) and c.state = 'REVIEW'
      and not exists (select 1 from ops.audit u where u.subject = 'charge:' || c.id and u.kind = 'alert.charge_review')
$$;

create function sim.check_refunds(p_users bigint[], p_rail jsonb) returns table (rule text, detail text) language sql as $$
    with f as (select f.*, c.user_id from billing.refund f join billing.charge c on c.id = f.charge_id where c.user_id = any(p_users)),
    r as (select * from jsonb_to_recordset(p_rail->'refunds') as r(ref text, amount bigint, done boolean))
    select 'refund', format('refund %s is %s after %s questions', id, state, polls) from f where state in ('APPROVED', 'REFUNDING', 'REFUND_UNKNOWN')
    union all
    select 'refund', format('refund %s is %s, the rail gave back %s', f.id, f.state, coalesce(r.amount, 0)) from f
    left join r on r.ref = f.our_ref::text and r.done
    where (f.state = 'REFUNDED') <> (r.ref is not null) or (f.state = 'REFUNDED' and r.amount <> f.amount_minor)
    union all
    select 'refund', format('the rail gave back %s, which nobody asked for', r.ref) from r
    where r.done and not exists (select 1 from f where f.our_ref::text = r.ref)
    union all
    select 'refund', format('charge %s gave back more than it took', charge_id) from f where state not in ('REFUSED', 'REFUND_FAILED')
    group by charge_id having sum(amount_minor) > (
        select coalesce(sum(e.amount_minor), 0) from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
        where t.charge_id = f.charge_id and t.refund_id is null and e.account = 'clearing')
    union all
    select 'refund', format('refund %s was decided by who asked for it', id) from f where decided_by = requested_by and state <> 'REFUSED'
$$;

create function sim.check_inbox(p_rail jsonb) returns table (rule text, detail text) language sql as $$
    select 'I6', format('%s copies of a callback were acknowledged, %s are stored', k.acks, coalesce(i.seen, 0))
    from jsonb_to_recordset(p_rail->'callbacks') as k(sha256 text, acks int)
    left join billing.inbox i on i.rail = 'mtn_momo' and i.dedupe_key = decode(k.sha256, 'hex')
    where coalesce(i.seen, 0) < k.acks
$$;

-- rail debits = grants + credits + refunds + review, as money.
create function sim.check_sum(p_users bigint[], p_rail jsonb) returns table (rule text, detail text) language sql as $$
    with r as (select coalesce(sum(x.debited), 0)::bigint as debited, coalesce(sum(x.refunded), 0)::bigint as refunded
               from jsonb_to_recordset(p_rail->'charges') as x(ref text, debited bigint, refunded bigint, told boolean, currency text)
               join billing.charge c on c.our_ref::text = x.ref and c.currency::text = x.currency
               where not x.told),
    o as (select coalesce(sum(e.amount_minor) filter (where e.account in ('revenue', 'tva')), 0)::bigint as sold,
                 coalesce(sum(e.amount_minor) filter (where e.account = 'liability'), 0)::bigint as credit,
                 coalesce(sum(e.amount_minor) filter (where e.account = 'suspense'), 0)::bigint as review,
                 coalesce(sum(e.amount_minor) filter (where e.account = 'refunds'), 0)::bigint as leaving
          from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id join billing.charge c on c.id = t.charge_id
          where c.user_id = any(p_users) and e.currency = c.currency
            and c.our_ref::text not in (select x.ref from jsonb_to_recordset(p_rail->'charges') as x(ref text, told boolean) where x.told))
    select 'sum', format('debits %s <> grants %s + credits %s + review %s + refunds %s', r.debited, -o.sold, -o.credit, -o.review, r.refunded)
    from r, o where r.debited + o.sold + o.credit + o.review + o.leaving - r.refunded <> 0
$$;

create function sim.check_all(p_users bigint[], p_rail jsonb) returns table (rule text, detail text) language sql as $$
    select * from sim.check_charges(p_users, p_rail) union all select * from sim.check_moves(p_users)
    union all select * from sim.check_books(p_users) union all select * from sim.check_refunds(p_users, p_rail)
    union all select * from sim.check_inbox(p_rail) union all select * from sim.check_sum(p_users, p_rail)
$$;
