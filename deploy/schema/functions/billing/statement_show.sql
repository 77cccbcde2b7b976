-- SPDX-License-Identifier: Apache-2.0
-- Differences between the rails' statements and our books: seen, and explained by persons.

create or replace function billing.statement_open(p_day date, p_max int)
returns table (item text, at text, rail text, kind text, amount text, state text, what text) language sql stable as $$
    select x.item, to_char(x.at at time zone 'utc', 'YYYY-MM-DD HH24:MI'), x.rail, x.kind, x.amount || ' ' || x.currency, x.state, x.what
    from (
        select l.id::text as item, l.at, l.rail, l.kind, l.gross_minor as amount, l.currency, l.state, l.rail_txn_id || coalesce(': ' || l.note, '') as what
        from billing.statement_line l where l.state <> 'matched' and l.explanation is null
        union all
        select 'm' || m.id, m.day::timestamp at time zone 'utc', m.rail, case when m.refund_id is null then 'payment' else 'refund' end, m.amount_minor,
            m.currency, 'missing', coalesce('charge ' || m.charge_id, 'refund ' || m.refund_id) || ' is in no statement'
        from billing.statement_missing m where m.line_id is null and m.explanation is null
    ) x
    where p_day is null or (x.at at time zone 'utc')::date = p_day
    order by x.at, x.item limit p_max
$$;
comment on function billing.statement_open(date, int) is
'What is neither matched nor explained, the oldest first: lines by their id, and what no statement has as m and a number. No number of a person is in a line.';

create or replace function billing.statement_list(p_max int) returns table (statement text, rail text, told_from text, told_to text, lines text, state text, by_whom text)
language sql stable as $$
    select s.id::text, s.rail, to_char(s.from_at at time zone 'utc', 'YYYY-MM-DD HH24:MI'), to_char(s.to_at at time zone 'utc', 'YYYY-MM-DD HH24:MI'), s.lines::text,
        coalesce((select string_agg(c.n || ' ' || c.state, ', ' order by c.state)
                  from (select l.state, count(*) as n from billing.statement_line l where l.statement_id = s.id group by l.state) c), 'nothing new'),
        s.imported_by || ', ' || to_char(s.imported_at at time zone 'utc', 'YYYY-MM-DD HH24:MI')
    from billing.statement s order by s.id desc limit p_max
$$;
comment on function billing.statement_list(int) is 'The statements that came last, and what became of their lines (UTC).';

create or replace function billing.statement_explain(p_keys bytea[], p_operator text, p_item text, p_text text)
returns table (outcome text, detail text) language plpgsql as $$
declare
    v_item text := lower(btrim(p_item));
    v_who text := auth.staff_who(p_keys, 'treasurer', p_operator, case when v_item like 'm%' then 'missing:' || substr(v_item, 2, 20) else 'line:' || left(v_item, 20) end);
    v_state text;
begin
    if v_who is null then
        return query select 'who', null::text;
        return;
    elsif v_item ~ '^m\d{1,18}$' then
        update billing.statement_missing m set explanation = p_text, explained_by = v_who, explained_at = ops.now()
        where m.id = substr(v_item, 2)::bigint and m.explanation is null returning 'missing' into v_state;
    elsif v_item ~ '^\d{1,18}$' then
        update billing.statement_line l set explanation = p_text, explained_by = v_who, explained_at = ops.now()
        where l.id = v_item::bigint and l.explanation is null and l.state in ('waiting', 'review', 'suspense', 'noted') returning l.state into v_state;
    end if;
    if v_state is null then
        return query select 'nothing_open', null::text;
        return;
    end if;
    perform ops.audit_put(v_who, 'statement.explained', case when v_item like 'm%' then 'missing:' || substr(v_item, 2) else 'line:' || v_item end,
        jsonb_build_object('text', billing.no_number(p_text), 'state', v_state));
    return query select 'ok', v_state;
end $$;
comment on function billing.statement_explain(bytea[], text, text, text) is
'A person says why a difference is one, in his own name; it no longer keeps its day from being closed. Moves no money: what is in suspense stays there, and a charge that waits is still asked about. item: a line''s id, or m and the id of what is missing.
outcome: ok (detail: the state) | who | nothing_open (no such difference, or it was explained, or a line that nobody matched yet).';
