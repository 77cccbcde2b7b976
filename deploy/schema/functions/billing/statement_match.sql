-- SPDX-License-Identifier: Apache-2.0
-- A line of a statement against our books (I5, hard case 41). A line books no sale and settles no charge: only a status query
-- does (I7).
--
--   open     -- our charge (or refund) has booked exactly this money --> matched    fee and withholding are booked
--   open     -- our charge has not succeeded --> waiting                            the rail is asked now
--   open     -- ours has booked other money, was never sent, or waits for a person --> review         alert
--   open     -- it means none of ours, or one that has its line --> suspense        booked there, alert
--   open     -- a fee by itself --> matched; neither payment, refund nor fee --> noted
--   waiting, review  looked at again at each match, as open
--   suspense -- its charge turned up and has booked it --> matched                  out of suspense again
--
-- Each booking is one ledger transaction of its line, by a unique index: matching again books nothing again.

create or replace function billing.statement_book(p_line billing.statement_line, p_part text, p_account text, p_amount bigint) returns void
language plpgsql as $$
declare
    v_rail text := coalesce((select c.rail from billing.charge c where c.id = p_line.charge_id), p_line.rail);
    v_txn bigint;
begin
    if p_amount = 0 then
        return;
    end if;
    insert into billing.ledger_txn (kind, line_id, line_part, at)
    values (case when p_part in ('fee', 'withholding') then 'fee' else 'suspense' end, p_line.id, p_part, ops.now())
    on conflict (line_id, line_part) where line_id is not null do nothing returning id into v_txn;
    if v_txn is not null then
        insert into billing.ledger_entry (txn_id, account, rail, amount_minor, currency)
        values (v_txn, p_account, null, p_amount, p_line.currency), (v_txn, 'clearing', v_rail, -p_amount, p_line.currency);
    end if;
end $$;
comment on function billing.statement_book(billing.statement_line, text, text, bigint) is
'One ledger transaction of a line: so much of what a rail owes us is of this account instead (I9). Once a line and part.';

create or replace function billing.statement_payment(p_line billing.statement_line, p_operator text, out state text, out charge_id bigint, out note text)
language plpgsql as $$
declare
    v_rails text[] := billing.statement_rails(p_line.rail);
    v_id bigint := coalesce(p_line.charge_id,
        (select c.id from billing.charge c where c.rail = any (v_rails) and c.rail_txn = p_line.rail_txn_id limit 1),
        (select c.id from billing.charge c where c.rail = any (v_rails) and c.rail_ref = p_line.rail_txn_id limit 1),
        billing.statement_reference(v_rails, p_line.reference));
    c billing.charge;
    b record;
begin
    select * into c from billing.charge x where x.id = v_id;
    select * into b from billing.refund_left(v_id);
    if c.id is null then
        state := 'suspense';
        note := 'no charge of ours';
        return;
    elsif exists (select 1 from billing.statement_line o where o.charge_id = c.id and o.id <> p_line.id) then
        state := 'suspense';
        note := 'charge ' || c.id || ' has its line already';
        return;
    end if;
    charge_id := c.id;
    if b.paid_minor = p_line.gross_minor and b.currency = p_line.currency then
        state := 'matched';
    elsif b.paid_minor is not null then
        state := 'review';
        note := 'charge ' || c.id || ' has ' || b.paid_minor || ' ' || b.currency;
    elsif c.state = 'REVIEW' then
        state := 'review';
        note := 'charge ' || c.id || ' waits for a person: what came was not known';
    elsif c.attempts = 0 then
        state := 'review';
        note := 'charge ' || c.id || ' was never sent';
    else
        state := 'waiting';
        note := 'charge ' || c.id || ' is ' || c.state || ', the rail is asked: '
            || (select q.outcome from billing.poll_now(c.id, p_operator) q);
    end if;
end $$;
comment on function billing.statement_payment(billing.statement_line, text) is
'What a payment of a statement is to us: by the rail''s transaction, the rail''s id of the attempt, or our reference. Gross is compared, fee and withholding are not (Senegal''s law 2025-17). Asks the rail about a charge that has not succeeded, however it ended here.';

create or replace function billing.statement_refund(p_line billing.statement_line, out state text, out refund_id bigint, out note text)
language plpgsql as $$
declare
    v_rails text[] := billing.statement_rails(p_line.rail);
    v_hex text := lower(replace(p_line.reference, '-', ''));
    v_id bigint := p_line.refund_id;
    v_charge bigint;
    f billing.refund;
begin
    if v_id is null then
        select x.id into v_id from billing.refund x join billing.charge c on c.id = x.charge_id and c.rail = any (v_rails)
        where x.rail_txn = p_line.rail_txn_id or x.rail_ref = p_line.rail_txn_id
           or x.our_ref = case when v_hex ~ '^[0-9a-f]{32}$' then v_hex::uuid end
        order by x.id limit 1;
    end if;
    if v_id is null then
        v_charge := billing.statement_reference(v_rails, p_line.reference);
        select min(x.id) into v_id from billing.refund x
        where x.charge_id = v_charge and x.amount_minor = p_line.gross_minor and x.currency = p_line.currency
          and x.state not in ('REQUESTED', 'REFUSED', 'REFUND_FAILED')
          and not exists (select 1 from billing.statement_line o where o.refund_id = x.id);
    end if;
    select * into f from billing.refund x where x.id = v_id;
    if f.id is null or exists (select 1 from billing.statement_line o where o.refund_id = f.id and o.id <> p_line.id) then
        state := 'suspense';
        note := coalesce('refund ' || f.id || ' has its line already', 'no refund of ours');
        return;
    end if;
    refund_id := f.id;
    if f.amount_minor <> p_line.gross_minor or f.currency <> p_line.currency then
        state := 'review';
        note := 'refund ' || f.id || ' is of ' || f.amount_minor || ' ' || f.currency;
    elsif f.state = 'REFUNDED' then
        state := 'matched';
    elsif f.state in ('APPROVED', 'REFUNDING', 'REFUND_UNKNOWN') then
        update billing.refund x set due_at = least(x.due_at, ops.now())
        where x.id = f.id and x.state in ('REFUNDING', 'REFUND_UNKNOWN') and x.claimed_by is null;
        state := 'waiting';
        note := 'refund ' || f.id || ' is ' || f.state || case when f.by_hand then ': tell it with coko charges made' else '' end;
    else
        state := 'review';
        note := 'refund ' || f.id || ' is ' || f.state;
    end if;
end $$;
comment on function billing.statement_refund(billing.statement_line) is
'What a refund of a statement is to us: by the rail''s ids, by our reference of it, else the one refund of this amount of the charge that the reference means.';

create or replace function billing.statement_line_match(p_line billing.statement_line, p_operator text) returns text language plpgsql as $$
declare
    l billing.statement_line := p_line;
    v_sign int := case p_line.kind when 'refund' then -1 else 1 end;
begin
    if l.kind = 'payment' then
        select m.state, m.charge_id, m.note into l.state, l.charge_id, l.note from billing.statement_payment(l, p_operator) m;
    elsif l.kind = 'refund' then
        select m.state, m.refund_id, m.note into l.state, l.refund_id, l.note from billing.statement_refund(l) m;
    else
        l.state := case l.kind when 'fee' then 'matched' else 'noted' end;
    end if;
    -- What is booked in suspense stays there until ours has booked it.
    if p_line.state = 'suspense' and l.state <> 'matched' then
        return 'suspense';
    end if;
    update billing.statement_line x set state = l.state, charge_id = l.charge_id, refund_id = l.refund_id, note = l.note,
        matched_at = case when l.state = 'matched' then ops.now() end,
        -- An explanation is of what the line was then.
        explanation = case when l.state in (p_line.state, 'matched') then x.explanation end,
        explained_by = case when l.state in (p_line.state, 'matched') then x.explained_by end,
        explained_at = case when l.state in (p_line.state, 'matched') then x.explained_at end
    where x.id = l.id;
    update billing.statement_missing m set line_id = l.id where m.line_id is null and (m.charge_id = l.charge_id or m.refund_id = l.refund_id);
    if l.state in ('matched', 'suspense') then
        perform billing.statement_book(l, 'fee', 'fees', l.fee_minor);
        perform billing.statement_book(l, 'withholding', 'withholding', l.withholding_minor);
    end if;
    if l.state = 'suspense' then
        perform billing.statement_book(l, 'held', 'suspense', -v_sign * l.gross_minor);
    elsif p_line.state = 'suspense' then
        perform billing.statement_book(l, 'released', 'suspense', v_sign * l.gross_minor);
    end if;
    if l.state in ('suspense', 'review') and p_line.state <> l.state then
        perform ops.audit_put('billing', 'alert.statement_' || l.state, 'line:' || l.id, jsonb_build_object('rail', l.rail, 'kind', l.kind,
            'amount', l.gross_minor, 'currency', l.currency, 'rail_txn', l.rail_txn_id, 'note', l.note));
    end if;
    return l.state;
end $$;
comment on function billing.statement_line_match(billing.statement_line, text) is 'One line, by the table in the head of this file; its new state.';

create or replace function billing.statement_match(p_after bigint, p_max int, p_day date, p_operator text)
returns table (last_id bigint, matched int, waiting int, review int, suspense int, noted int) language plpgsql as $$
#variable_conflict use_column
declare
    l billing.statement_line;
    v_state text;
    v_n jsonb := '{}';
begin
    for l in select * from billing.statement_line x
             where x.id > p_after and x.state not in ('matched', 'noted') and (p_day is null or (x.at at time zone 'utc')::date = p_day)
             order by x.id limit p_max for update loop
        v_state := billing.statement_line_match(l, p_operator);
        v_n := v_n || jsonb_build_object(v_state, coalesce((v_n ->> v_state)::int, 0) + 1);
        last_id := l.id;
    end loop;
    return query select last_id, coalesce((v_n ->> 'matched')::int, 0), coalesce((v_n ->> 'waiting')::int, 0), coalesce((v_n ->> 'review')::int, 0),
        coalesce((v_n ->> 'suspense')::int, 0), coalesce((v_n ->> 'noted')::int, 0);
end $$;
comment on function billing.statement_match(bigint, int, date, text) is
'Looks at no more than max lines behind the id after, of one day or of all, that are not over yet; how many ended as what. last_id null: none was left. Call again with last_id; may run twice, also at once. The caller wakes coko_charge.';

create or replace function billing.rail_bookings(p_from timestamptz, p_to timestamptz)
returns table (charge_id bigint, refund_id bigint, rail text, currency text, amount_minor bigint, at timestamptz) language sql stable as $$
    select case when t.refund_id is null then t.charge_id end, t.refund_id, coalesce(r.statement, r.code), e.currency::text, e.amount_minor, t.at
    from billing.ledger_txn t
    join billing.ledger_entry e on e.txn_id = t.id and e.account = 'clearing'
    join billing.rail r on r.code = e.rail
    where t.at >= p_from and t.at < p_to and t.line_id is null and (t.charge_id is not null or t.refund_id is not null)
$$;
comment on function billing.rail_bookings(timestamptz, timestamptz) is
'What we booked of the rails'' money in a time, by the ledger, under the rail whose statement lists it: a debit of a payer is positive, a refund negative. Not what lines of statements booked.';

create or replace function billing.statement_missing_find(p_from date, p_to date) returns int language plpgsql as $$
declare
    m billing.statement_missing;
    v_n int := 0;
begin
    for m in
        with told as (select s.rail, range_agg(tstzrange(s.from_at, s.to_at)) as times from billing.statement s group by s.rail),
             ours as (select b.*, coalesce(f.sent_at, f.decided_at, c.submitted_at, c.created_at) as since
                      from billing.rail_bookings(p_from::timestamp at time zone 'utc', (p_to + 1)::timestamp at time zone 'utc') b
                      left join billing.charge c on c.id = b.charge_id left join billing.refund f on f.id = b.refund_id)
        insert into billing.statement_missing (rail, charge_id, refund_id, day, amount_minor, currency, found_at)
        select o.rail, o.charge_id, o.refund_id, (o.at at time zone 'utc')::date, abs(o.amount_minor), o.currency, ops.now()
        from ours o join told t on t.rail = o.rail and t.times @> tstzrange(o.since, o.at, '[]')
        where not exists (select 1 from billing.statement_line l where l.charge_id = o.charge_id or l.refund_id = o.refund_id)
        on conflict do nothing returning *
    loop
        v_n := v_n + 1;
        perform ops.audit_put('billing', 'alert.statement_missing', coalesce('charge:' || m.charge_id, 'refund:' || m.refund_id),
            jsonb_build_object('rail', m.rail, 'amount', m.amount_minor, 'currency', m.currency, 'day', m.day));
    end loop;
    return v_n;
end $$;
comment on function billing.statement_missing_find(date, date) is
'Hard case 41, the reverse: what we booked on these days and no line has, although statements of its rail tell of all the time from its first byte to our booking. Each is one row and one alert, once. Returns how many are new.';
