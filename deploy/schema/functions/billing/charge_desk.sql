-- SPDX-License-Identifier: Apache-2.0
-- `coko charges`: what a person sees of charges, and the question that he may pull forward. No number leaves here (S5).

create or replace function billing.no_number(p_text text) returns text language plpgsql immutable as $$
begin
    return regexp_replace(p_text, '\+?\d([ ./-]?\d){7,}', '(number)', 'g');
end $$;
comment on function billing.no_number(text) is
'Free words of rails and persons for a screen: what could be a telephone number is left out. References and ids of transactions are columns of their own, and shown.';

create or replace function billing.held_of(p_charge_id bigint) returns table (currency text, held_minor bigint) language plpgsql stable as $$
begin
    return query
    select e.currency::text, -sum(e.amount_minor)::bigint
    from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
    where t.charge_id = p_charge_id and e.account = 'suspense'
    group by e.currency;
end $$;
comment on function billing.held_of(bigint) is
'Money of a charge that waits in suspense, by the ledger; 0: all of it went where a person decided. No row: none was ever held.';

create or replace function billing.waits_for_person(p_charge billing.charge) returns boolean language plpgsql stable as $$
begin
    return p_charge.state = 'REVIEW' and coalesce((select h.held_minor from billing.held_of(p_charge.id) h), 1) <> 0;
end $$;
comment on function billing.waits_for_person(billing.charge) is
'A review that nobody decided: its money is still held, or none of it was ever known. One whose money was all given back waits for nobody.';

create or replace function billing.charge_find(p_text text) returns bigint language plpgsql stable as $$
declare
    v_text text := lower(btrim(p_text));
    v_ids bigint[];
begin
    if v_text ~ '^\d{1,18}$' and exists (select 1 from billing.charge c where c.id = v_text::bigint) then
        return v_text::bigint;
    elsif v_text ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return coalesce((select c.id from billing.charge c where c.our_ref = v_text::uuid),
                        (select min(a.charge_id) from billing.attempt a where a.our_ref = v_text::uuid),
                        (select f.charge_id from billing.refund f where f.our_ref = v_text::uuid));
    elsif v_text ~ '^[0-9a-f]{8}$' then
        select array_agg(x.id) into v_ids
        from (select c.id from billing.charge c
              where c.our_ref between (v_text || '-0000-0000-0000-000000000000')::uuid and (v_text || '-ffff-ffff-ffff-ffffffffffff')::uuid
              limit 2) x;
    end if;
    if cardinality(v_ids) is null then
        select array_agg(x.id) into v_ids
        from (select c.id from billing.charge c join billing.rail r on r.code = c.rail where c.rail_txn = btrim(p_text)
              limit 2) x;
    end if;
    return case when cardinality(v_ids) = 1 then v_ids[1] end;
end $$;
comment on function billing.charge_find(text) is
'A charge by its id, a reference of ours, the first eight characters of one as an SMS has them, or the rail''s id of the transaction; null: none, or more than one.';

create or replace function billing.charge_list(p_which text, p_max int)
returns table (id text, state text, settlement text, rail text, amount text, age text, polls text, due text, reason text)
language plpgsql stable as $$
declare
    v_states text[] := case p_which
        when 'open' then array['CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED', 'REVIEW']
        when 'unknown' then array['UNKNOWN', 'UNRESOLVED']
        when 'review' then array['REVIEW']
        else array[upper(p_which)] end;
    v_ids bigint[];
begin
    if p_which = 'last' then
        v_ids := array(select c.id from billing.charge c order by c.id desc limit p_max);
    else
        v_ids := array(select c.id from billing.charge c
                       where c.state = any (v_states) and (p_which not in ('open', 'review') or c.state <> 'REVIEW' or billing.waits_for_person(c))
                       order by c.id limit p_max);
    end if;
    return query
    select c.id::text, c.state, coalesce(c.settlement, case when c.superseded then 'superseded' else '-' end), c.rail,
        c.amount_minor::text || ' ' || c.currency, to_char(ops.now() - c.created_at, 'FMDDD"d" HH24:MI'), c.polls::text,
        coalesce(to_char(c.due_at - ops.now(), 'FMHH24:MI:SS'), '-'), coalesce(billing.no_number(c.reason), '')
    from unnest(v_ids) with ordinality x(id, n) join billing.charge c on c.id = x.id
    order by x.n;
end $$;
comment on function billing.charge_list(text, int) is
'Charges for a person''s eyes, the oldest first. which: open (not ended, or waiting for a person) | unknown (UNKNOWN and UNRESOLVED) | review | last (the newest first) | a state.';

create or replace function billing.charge_head(p_charge_id bigint) returns table (name text, value text) language plpgsql stable as $$
declare
    c billing.charge;
    r billing.rail;
begin
    select * into c from billing.charge where id = p_charge_id;
    select * into r from billing.rail where code = c.rail;
    return query
    select x.name, x.value from (values
        (1, 'charge', c.id::text), (2, 'reference', c.our_ref::text),
        (3, 'state', c.state || coalesce(', ' || c.settlement, '') || case when c.superseded then ', superseded' else '' end),
        (4, 'amount', c.amount_minor || ' ' || c.currency || case when c.credit_minor > 0 then ' and ' || c.credit_minor || ' of credit' else '' end),
        (5, 'for', (select p.code from billing.plan p where p.id = c.plan_id) || case when c.book_id is null then ', period ' || c.period_no else '' end
            || case when c.gift_by is not null then ', a gift' else '' end),
        (6, 'reader', (select u.public_id::text from auth.users u where u.id = c.user_id)),
        (7, 'payer', (select i.country || ' ' || i.network from auth.identity i where i.id = c.identity_id)),
        (8, 'rail', c.rail || coalesce(', its id ' || c.rail_ref, '')), (9, 'transaction', c.rail_txn),
        (10, 'reason', billing.no_number(c.reason)), (11, 'agreed to', c.channel || ': ' || billing.no_number(c.consent)),
        (12, 'next work', to_char(c.due_at at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS') || coalesce(', claimed by ' || c.claimed_by, '')),
        (13, 'held', (select string_agg(h.held_minor || ' ' || h.currency, ', ') from billing.held_of(c.id) h where h.held_minor <> 0)),
        (14, 'may go back', (select l.left_minor || ' of ' || l.paid_minor || ' ' || l.currency from billing.refund_left(c.id) l)
            || case r.refunds when 'none' then ', by hand at the back office' when 'full' then ', whole' else '' end),
        (15, 'mandate', billing.mandate_line(c.mandate_id))
    ) x(n, name, value) where x.value is not null and c.id is not null order by x.n;
end $$;
comment on function billing.charge_head(bigint) is 'What is known of a charge now, a line each. The payer is a country and a network.';

create or replace function billing.charge_history(p_charge_id bigint) returns table (at text, what text, detail text) language plpgsql stable as $$
begin
    return query
    select to_char(x.at at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS'), x.what, coalesce(x.detail, '') from (
        select c.created_at as at, 0 as n, 'made' as what, c.channel || ', ' || c.rail as detail from billing.charge c where c.id = p_charge_id
        union all
        select h.at, 2, 'state', h.from_state || ' -> ' || h.to_state || coalesce(', ' || h.settlement, '')
            || case when h.superseded then ', superseded' else '' end || coalesce(': ' || billing.no_number(h.reason), '') || coalesce(' by ' || h.by_owner, '')
        from billing.charge_change h where h.charge_id = p_charge_id
        union all
        select a.sent_at, 1, 'sent', 'attempt ' || a.n || ' by ' || a.owner || coalesce(' under ' || a.our_ref, '') from billing.attempt a where a.charge_id = p_charge_id
        union all
        select a.done_at, 1, 'answered', 'attempt ' || a.n || ': ' || coalesce(a.event, '-') || coalesce(', HTTP ' || nullif(a.http_status, 0), '')
        from billing.attempt a where a.charge_id = p_charge_id and a.done_at is not null
        union all
        select c.last_polled_at, 1, 'asked', 'for the last of ' || c.polls || ' times' from billing.charge c where c.id = p_charge_id and c.polls > 0
        union all
        select i.received_at, 1, 'callback', case when i.verified then 'verified' else 'unsigned' end || case when i.seen > 1 then ', ' || i.seen || ' times' else '' end
        from billing.inbox i where i.charge_id = p_charge_id
        union all
        select e.created_at, 4, 'pass', to_char(e.starts_at at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' to ' || to_char(e.ends_at at time zone 'utc', 'YYYY-MM-DD HH24:MI')
        from billing.entitlement e where e.charge_id = p_charge_id
        union all
        select b.at, 4, 'book', b.book_id::text from billing.book_right b where b.charge_id = p_charge_id
        union all
        select t.at, 3, 'booked', t.kind || ': ' || (select string_agg(e.account || ' ' || to_char(e.amount_minor, 'FMSG999999999999990') || ' ' || e.currency, ', ' order by e.id)
                                                     from billing.ledger_entry e where e.txn_id = t.id)
        from billing.ledger_txn t where t.charge_id = p_charge_id
        union all
        select f.at, f.n, 'refund ' || f.id, f.detail from billing.refund_history(p_charge_id) f
        union all
        select m.created_at, 5, 'SMS', split_part(m.dedupe, ':', 3) || ', ' || m.state
        from billing.charge c join auth.identity i on i.id = c.identity_id or i.user_id in (c.user_id, c.gift_by)
        join messaging.message m on m.identity_id = i.id and m.dedupe like 'charge:' || p_charge_id || ':%'
        where c.id = p_charge_id
        union all
        select a.at, 6, a.kind, a.actor || case when a.detail = '{}' then '' else ' ' || (
                select string_agg(d.key || '=' || case when d.key in ('reason', 'answer') then billing.no_number(d.value) else d.value end, ' ' order by d.key)
                from jsonb_each_text(a.detail) d) end
        from ops.audit a where a.subject = 'charge:' || p_charge_id
    ) x order by x.at, x.n;
end $$;
comment on function billing.charge_history(bigint) is
'Everything that happened to a charge, in the order of time (UTC): its steps, what was sent and answered, callbacks, what was granted and booked, refunds, SMS, and what rules and persons wrote into the audit.';

create or replace function billing.refund_history(p_charge_id bigint) returns table (id bigint, at timestamptz, n int, detail text) language plpgsql stable as $$
begin
    return query
    select f.id, x.at, x.n, x.detail from billing.refund f cross join lateral (
        select f.requested_at as at, 1 as n, 'asked for by ' || f.requested_by || ': ' || f.amount_minor || ' ' || f.currency
            || case when f.by_hand then ' by hand' else '' end || ', ' || billing.no_number(f.reason) as detail
        union all select f.decided_at, 1, case when f.state = 'REFUSED' then 'refused by ' else 'approved by ' end || f.decided_by where f.decided_at is not null
        union all select a.sent_at, 1, 'sent, attempt ' || a.n || ' under ' || f.our_ref from billing.refund_attempt a where a.refund_id = f.id
        union all select a.done_at, 1, 'answered, attempt ' || a.n || ': ' || coalesce(a.event, '-') || coalesce(', HTTP ' || nullif(a.http_status, 0), '')
        from billing.refund_attempt a where a.refund_id = f.id and a.done_at is not null
        union all select coalesce(f.ended_at, ops.now()), 3, f.state || coalesce(', ' || f.rail_txn, '') || coalesce(' by ' || f.made_by, '')
            || coalesce(': ' || billing.no_number(f.answer), '') where f.state not in ('REQUESTED', 'REFUSED')
    ) x where f.charge_id = p_charge_id;
end $$;
comment on function billing.refund_history(bigint) is 'The refunds of a charge, each a few lines of billing.charge_history.';

create or replace function billing.poll_now(p_charge_id bigint, p_operator text) returns table (outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    c billing.charge;
begin
    select * into c from billing.charge where id = p_charge_id for update;
    if not found then
        return query select 'missing';
    elsif c.state not in ('PENDING', 'UNKNOWN', 'UNRESOLVED', 'FAILED', 'EXPIRED') then
        return query select 'nothing_to_ask';
    elsif c.attempts = 0 then
        return query select 'never_sent';
    elsif c.claimed_by is not null then
        return query select 'asked_now';
    else
        update billing.charge set due_at = least(c.due_at, greatest(v_now, c.last_polled_at + interval '10 seconds')) where id = c.id;
        perform ops.audit_put('operator:' || p_operator, 'charge.poll_now', 'charge:' || c.id, '{}');
        return query select 'ok';
    end if;
end $$;
comment on function billing.poll_now(bigint, text) is
'Pulls the next question about a charge forward, not below 10 s after the last one; also about one that failed or expired, which may have been paid since. Changes no state (I7). The caller wakes coko_charge.
outcome: ok | missing | nothing_to_ask (not sent yet, or settled) | never_sent | asked_now (a question is on its way).';
