-- SPDX-License-Identifier: Apache-2.0
-- The daily money close: what we booked of a day (UTC) beside what the rails say of it; zero, or each difference by its name.

create or replace function billing.close_items(p_day date)
returns table (item text, rail text, currency text, amount_minor bigint, at timestamptz, is_open boolean, what text, explanation text)
language sql stable as $$
    with d as (select p_day::timestamp at time zone 'utc' as from_at, (p_day + 1)::timestamp at time zone 'utc' as to_at),
    booked as (select b.* from d cross join lateral billing.rail_bookings(d.from_at, d.to_at) b),
    line as (select l.*, case l.kind when 'payment' then l.gross_minor when 'refund' then -l.gross_minor else 0 end as signed,
                 coalesce(l.explanation, '') <> '' as explained
             from d join billing.statement_line l on l.at >= d.from_at and l.at < d.to_at)
    -- A line whose money we booked this day too: zero, or other money.
    select l.id::text, b.rail, b.currency, b.amount_minor - l.signed, l.at, not l.explained, l.rail_txn_id || ': ' || coalesce(l.note, l.state), l.explanation
    from line l join booked b on (b.charge_id = l.charge_id or b.refund_id = l.refund_id) and b.currency = l.currency where b.amount_minor <> l.signed
    union all
    -- What the statement has and our books of this day have not.
    select l.id::text, l.rail, l.currency::text, -l.signed, l.at, l.state <> 'matched' and not l.explained,
        l.rail_txn_id || ': ' || case when l.state = 'matched' then 'in our books of another day, ' || coalesce('charge ' || l.charge_id, 'refund ' || l.refund_id)
            when l.state = 'noted' then 'neither payment, refund nor fee: ' || l.gross_minor else coalesce(l.note, 'not matched yet') end, l.explanation
    from line l where l.kind <> 'fee'
      and not exists (select 1 from booked b where (b.charge_id = l.charge_id or b.refund_id = l.refund_id) and b.currency = l.currency)
    union all
    -- What our books of this day have and the statement of this day has not.
    select coalesce('m' || m.id, ''), b.rail, b.currency, b.amount_minor, b.at,
        case when l.id is not null then l.state <> 'matched' and l.explanation is null else m.explanation is null end,
        coalesce('charge ' || b.charge_id, 'refund ' || b.refund_id) || case
            when l.id is not null then ': ' || l.rail_txn_id || ' of ' || to_char(l.at at time zone 'utc', 'YYYY-MM-DD HH24:MI')
            when m.id is not null then ' is in no statement' else ': its statement is not here' end,
        case when l.id is null then m.explanation else l.explanation end
    from booked b
    left join billing.statement_line l on l.charge_id = b.charge_id or l.refund_id = b.refund_id
    left join billing.statement_missing m on m.charge_id = b.charge_id or m.refund_id = b.refund_id
    where not exists (select 1 from line x where x.id = l.id and x.currency = b.currency)
    union all
    -- What a statement told late of days that are closed.
    select l.id::text, l.rail, l.currency::text, 0, l.at, true, l.rail_txn_id || ' of a closed day: ' || coalesce(l.note, 'not matched yet'), null
    from d, billing.statement_line l join billing.money_close c on c.day = (l.at at time zone 'utc')::date
    where l.state <> 'matched' and l.explanation is null and l.at < d.from_at
    order by 2, 3, 5, 1
$$;
comment on function billing.close_items(date) is
'Each difference of a day between our books and the rails'' statements. amount: what our books have more than the statement (a refund counts less); their sum is the difference of the day. is_open: neither a matter of midnight nor explained by a person.';

create or replace function billing.close_rails(p_day date)
returns table (rail text, currency text, charges bigint, charged bigint, refunds bigint, refunded bigint, payments bigint, paid bigint, returns bigint, returned bigint,
    fees bigint, withheld bigint, difference bigint, explained bigint, told boolean) language sql stable as $$
    with d as (select p_day::timestamp at time zone 'utc' as from_at, (p_day + 1)::timestamp at time zone 'utc' as to_at),
    b as (select x.rail, x.currency, count(*) filter (where x.charge_id is not null) as charges, coalesce(sum(x.amount_minor) filter (where x.charge_id is not null), 0) as charged,
              count(*) filter (where x.refund_id is not null) as refunds, coalesce(-sum(x.amount_minor) filter (where x.refund_id is not null), 0) as refunded
          from d cross join lateral billing.rail_bookings(d.from_at, d.to_at) x group by 1, 2),
    l as (select x.rail, x.currency::text, count(*) filter (where x.kind = 'payment') as payments, coalesce(sum(x.gross_minor) filter (where x.kind = 'payment'), 0) as paid,
              count(*) filter (where x.kind = 'refund') as returns, coalesce(sum(x.gross_minor) filter (where x.kind = 'refund'), 0) as returned,
              coalesce(sum(x.fee_minor), 0) as fees, coalesce(sum(x.withholding_minor), 0) as withheld
          from d join billing.statement_line x on x.at >= d.from_at and x.at < d.to_at group by 1, 2),
    i as (select x.rail, x.currency, sum(x.amount_minor) as explained from billing.close_items(p_day) x group by 1, 2)
    select k.rail, k.currency, coalesce(b.charges, 0), coalesce(b.charged, 0)::bigint, coalesce(b.refunds, 0), coalesce(b.refunded, 0)::bigint,
        coalesce(l.payments, 0), coalesce(l.paid, 0)::bigint, coalesce(l.returns, 0), coalesce(l.returned, 0)::bigint,
        coalesce(l.fees, 0)::bigint, coalesce(l.withheld, 0)::bigint,
        (coalesce(b.charged, 0) - coalesce(b.refunded, 0) - coalesce(l.paid, 0) + coalesce(l.returned, 0))::bigint, coalesce(i.explained, 0)::bigint,
        exists (select 1 from d join billing.statement s on s.rail = k.rail group by d.from_at, d.to_at
                having range_agg(tstzrange(s.from_at, s.to_at)) @> tstzrange(d.from_at, d.to_at))
    from (select b.rail, b.currency from b union select l.rail, l.currency from l) k
    left join b on b.rail = k.rail and b.currency = k.currency
    left join l on l.rail = k.rail and l.currency = k.currency
    left join i on i.rail = k.rail and i.currency = k.currency
    order by 1, 2
$$;
comment on function billing.close_rails(date) is
'A day by rail and currency: what we booked (charges, refunds), what the statement has (payments, returns), what the rail kept (fees, withheld), their difference, the sum of what close_items names of it, and whether statements tell of the whole day.';

create or replace function billing.close_books(p_day date) returns table (currency text, name text, amount_minor bigint) language sql stable as $$
    with d as (select p_day::timestamp at time zone 'utc' as from_at, (p_day + 1)::timestamp at time zone 'utc' as to_at)
    select e.currency::text, case e.account when 'revenue' then 'sold, without VAT' when 'tva' then 'VAT' when 'liability' then 'credit of readers'
        when 'refunds' then 'refunds on their way' when 'fees' then 'fees booked' when 'withholding' then 'withholding booked' else 'vouchers' end,
        (sum(e.amount_minor) * case when e.account in ('revenue', 'tva', 'liability', 'refunds') then -1 else 1 end)::bigint
    from d join billing.ledger_txn t on t.at >= d.from_at and t.at < d.to_at join billing.ledger_entry e on e.txn_id = t.id
    where e.account not in ('clearing', 'suspense') group by e.currency, e.account
    union all
    select e.currency::text, 'in suspense now', -sum(e.amount_minor)::bigint
    from billing.ledger_entry e where e.account = 'suspense' group by e.currency having sum(e.amount_minor) <> 0
    order by 1, 2
$$;
comment on function billing.close_books(date) is 'What the ledger booked on a day, by account, and what stands in suspense now. Income and debts are shown positive.';

create or replace function billing.close_waits(p_day date) returns table (rail text, state text, n bigint) language sql stable as $$
    select coalesce(r.statement, r.code), c.state, count(*)
    from billing.charge c join billing.rail r on r.code = c.rail
    where c.state in ('UNKNOWN', 'UNRESOLVED', 'REVIEW') and c.created_at < (p_day + 1)::timestamp at time zone 'utc'
      and (c.state <> 'REVIEW' or billing.waits_for_person(c))
    group by 1, 2 order by 1, 2
$$;
comment on function billing.close_waits(date) is 'Charges up to a day whose end is not known yet, or that wait for a person: now.';

create or replace function billing.close_figures(p_day date) returns table (section text, name text, n text, amount text, word text) language sql stable as $$
    select x.section, x.name, x.n, x.amount, x.word from (
        select 1, r.rail || ' ' || r.currency as section, v.k, v.name, v.n::text, v.amount::text, v.word
        from billing.close_rails(p_day) r cross join lateral (values
            (1, 'charges, our books', r.charges, r.charged, ''), (2, 'payments, the rail', r.payments, r.paid, case when r.told then '' else 'NOT THE WHOLE DAY' end),
            (3, 'refunds, our books', r.refunds, r.refunded, ''), (4, 'refunds, the rail', r.returns, r.returned, ''),
            (5, 'fees', null, r.fees, ''), (6, 'withheld', null, r.withheld, ''),
            (7, 'difference', null, r.difference, case when r.difference = 0 and r.explained = 0 then 'zero' when r.difference = r.explained then 'see below' else 'WRONG' end)
        ) v(k, name, n, amount, word)
        union all
        select 2, 'the ledger, ' || b.currency, row_number() over (order by b.name)::int, b.name, '', b.amount_minor::text, '' from billing.close_books(p_day) b
        union all
        select 3, 'not ended', row_number() over (order by w.rail, w.state)::int, w.rail || ' ' || w.state, w.n::text, '', '' from billing.close_waits(p_day) w
    ) x(part, section, k, name, n, amount, word) order by x.part, x.section, x.k
$$;
comment on function billing.close_figures(date) is 'The figures of a day for a person, minor units: a section a rail and currency, the ledger, what has not ended.';

create or replace function billing.close_state(p_day date) returns table (outcome text, detail text) language plpgsql stable as $$
#variable_conflict use_column
declare
    v_open int;
    v_rails text;
begin
    if exists (select 1 from billing.money_close c where c.day = p_day) then
        return query select 'closed', c.closed_by || ', ' || to_char(c.closed_at at time zone 'utc', 'YYYY-MM-DD HH24:MI')
        from billing.money_close c where c.day = p_day;
        return;
    elsif (p_day + 1)::timestamp at time zone 'utc' > ops.now() then
        return query select 'not_over', null::text;
        return;
    end if;
    select string_agg(x.rail, ', ' order by x.rail) into v_rails from (
        select distinct u.rail from (
            select b.rail from billing.rail_bookings((p_day - 30)::timestamp at time zone 'utc', (p_day + 1)::timestamp at time zone 'utc') b
            union select s.rail from billing.statement s where s.to_at > (p_day - 30)::timestamp at time zone 'utc') u
        where not exists (select 1 from billing.statement s where s.rail = u.rail
                          having range_agg(tstzrange(s.from_at, s.to_at)) @> tstzrange(p_day::timestamp at time zone 'utc', (p_day + 1)::timestamp at time zone 'utc'))
    ) x;
    if v_rails is not null then
        return query select 'no_statement', v_rails;
        return;
    end if;
    select count(*) into v_open from billing.close_items(p_day) i where i.is_open;
    if v_open > 0 then
        return query select 'open', v_open::text;
    elsif exists (select 1 from billing.close_rails(p_day) r where r.difference <> r.explained) then
        return query select 'wrong', null::text;
    else
        return query select 'ready', null::text;
    end if;
end $$;
comment on function billing.close_state(date) is
'Whether a day may be closed. outcome: ready | closed (detail: by whom) | not_over | no_statement (detail: rails that had money in 30 days and whose statements do not tell of the whole day) | open (detail: how many differences nobody explained) | wrong (the differences named do not make up the difference: a fault of ours).';

create or replace function billing.close_day(p_keys bytea[], p_operator text, p_day date) returns table (outcome text, detail text) language plpgsql as $$
#variable_conflict use_column
declare
    v_who text := auth.staff_who(p_keys, 'treasurer', p_operator, 'day:' || p_day);
    s record;
begin
    if v_who is null then
        return query select 'who', null::text;
        return;
    end if;
    lock table billing.money_close in share row exclusive mode;
    -- One statement, so one snapshot: what is judged is what is recorded, whatever is imported meanwhile.
    with judged as materialized (select j.outcome, j.detail from billing.close_state(p_day) j),
    closed as (
        insert into billing.money_close (day, closed_by, closed_at, figures, items)
        select p_day, v_who, ops.now(), coalesce((select jsonb_agg(to_jsonb(f)) from billing.close_figures(p_day) f), '[]'),
            coalesce((select jsonb_agg(to_jsonb(i)) from billing.close_items(p_day) i), '[]')
        from judged where judged.outcome = 'ready')
    select * into s from judged;
    if s.outcome <> 'ready' then
        return query select s.outcome, s.detail;
        return;
    end if;
    perform ops.audit_put(v_who, 'money.closed', 'day:' || p_day, '{}');
    return query select 'ok', v_who;
end $$;
comment on function billing.close_day(bytea[], text, date) is
'A person closes a day in his own name; its figures and differences are recorded as he saw them. outcome: ok | who | and those of billing.close_state.';

create or replace function billing.days_not_closed() returns bigint language sql stable as $$
    select count(*)
    from generate_series(1, 35) n cross join lateral (select (ops.now() at time zone 'utc')::date - n as day) d
    where not exists (select 1 from billing.money_close c where c.day = d.day)
      and (exists (select 1 from billing.ledger_txn t
                   where t.at >= d.day::timestamp at time zone 'utc' and t.at < (d.day + 1)::timestamp at time zone 'utc'
                     and (t.charge_id is not null or t.refund_id is not null))
           or exists (select 1 from billing.statement_line l
                      where l.at >= d.day::timestamp at time zone 'utc' and l.at < (d.day + 1)::timestamp at time zone 'utc'))
$$;
comment on function billing.days_not_closed() is 'Days of the last 35 that are over, had money, and nobody closed.';

create or replace function billing.money_figures() returns table (figure text, labels text, value bigint) language sql stable as $$
    select 'charges', 'rail="' || r.code || '",state="' || lower(s.state) || '"',
        (select count(*) from billing.charge c where c.rail = r.code and c.state = s.state and c.state in ('UNKNOWN', 'UNRESOLVED', 'REVIEW')
            and (c.state <> 'REVIEW' or billing.waits_for_person(c)))
    from billing.rail r cross join (values ('UNKNOWN'), ('UNRESOLVED'), ('REVIEW')) s(state)
    where r.code <> 'wallet'
    union all
    select 'mismatches', 'rail="' || r.code || '"',
        (select count(*) from billing.statement_line l where l.rail = r.code and l.state <> 'matched' and l.explanation is null)
        + (select count(*) from billing.statement_missing m where m.rail = r.code and m.line_id is null and m.explanation is null)
    from billing.rail r where r.statement is null and r.code <> 'wallet'
    union all
    select 'suspense', 'currency="' || k.currency || '"',
        coalesce((select -sum(e.amount_minor) from billing.ledger_entry e where e.account = 'suspense' and e.currency = k.currency), 0)::bigint
    from (select distinct c.currency from ops.country c) k
    union all
    select 'days', '', billing.days_not_closed()
$$;
comment on function billing.money_figures() is
'What an alarm of money looks at, for /metrics: charges whose end is not known or that wait for a person, differences that nobody explained, what is in suspense, days that nobody closed. Labels come from tables of ours.';
