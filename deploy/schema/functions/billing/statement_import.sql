-- SPDX-License-Identifier: Apache-2.0
-- Statements of the rails: a file's lines come in, all of them or none.

create or replace function billing.statement_rails(p_rail text) returns text[] language sql stable as $$
    select array_agg(r.code order by r.code) from billing.rail r where coalesce(r.statement, r.code) = p_rail
$$;
comment on function billing.statement_rails(text) is 'The rails whose money the statement of this one lists.';

create or replace function billing.order_uuid(p_text text) returns uuid language plpgsql immutable as $$
declare
    v_bits bit varying := '';
begin
    if p_text !~ '^[0-9A-HJKMNP-TV-Z]{26}$' then
        return null;
    end if;
    for i in 1 .. 26 loop
        v_bits := v_bits || (strpos('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(p_text, i, 1)) - 1)::bit(5);
    end loop;
    return (lpad(to_hex(substring(v_bits from 1 for 64)::bit(64)::bigint), 16, '0')
            || lpad(to_hex(substring(v_bits from 65 for 64)::bit(64)::bigint), 16, '0'))::uuid;
end $$;
comment on function billing.order_uuid(text) is
'Our reference from the 26 letters in which a rail with short order ids has it (gateway/money/orange_web.c); null: no such text.';

create or replace function billing.statement_reference(p_rails text[], p_text text) returns bigint language plpgsql stable as $$
declare
    v_hex text := lower(replace(p_text, '-', ''));
    v_ref uuid := case when v_hex ~ '^[0-9a-f]{32}$' then v_hex::uuid else billing.order_uuid(p_text) end;
    v_ids bigint[];
begin
    if v_ref is not null then
        return coalesce((select c.id from billing.charge c where c.our_ref = v_ref and c.rail = any (p_rails)),
                        (select min(a.charge_id) from billing.attempt a join billing.charge c on c.id = a.charge_id and c.rail = any (p_rails)
                         where a.our_ref = v_ref));
    elsif v_hex ~ '^[0-9a-f]{8,31}$' then
        select array_agg(x.id) into v_ids
        from (select c.id from billing.charge c
              where c.our_ref between rpad(v_hex, 32, '0')::uuid and rpad(v_hex, 32, 'f')::uuid and c.rail = any (p_rails) limit 2) x;
    end if;
    if cardinality(v_ids) is null then
        v_ids := array(select c.id from billing.charge c where c.rail = any (p_rails) and c.rail_ref = p_text limit 2);
    end if;
    return case when cardinality(v_ids) = 1 then v_ids[1] end;
end $$;
comment on function billing.statement_reference(text[], text) is
'The charge that a reference in a statement means: ours, whole, in 26 letters, or its first eight or more digits; or the rail''s own id of the attempt. null: none, or more than one. A number that a payer typed there means none.';

create or replace function billing.statement_faults(p_rail text, p_lines jsonb, p_zone text, p_from timestamptz, p_to timestamptz)
returns table (line_no int, what text) language sql stable as $$
    with x as (
        select l.no, l.id, l.kind, l.gross, l.fee, l.withheld, l.currency, billing.statement_time(l.at, p_zone) as at
        from jsonb_to_recordset(p_lines) as l(no int, id text, kind text, gross bigint, fee bigint, withheld bigint, currency text, at text)
    )
    select x.no, x.currency || ' is not a currency of this rail' from x
    where not exists (select 1 from billing.rail_route r join ops.country k on k.code = r.country
                      where r.rail = any (billing.statement_rails(p_rail)) and k.currency = x.currency)
    union all
    select x.no, 'the same transaction as line ' || x.before
    from (select y.no, min(y.no) over (partition by y.id, y.kind) as before from x y) x where x.before < x.no
    union all
    select x.no, 'statement ' || o.statement_id || ' tells this transaction otherwise: ' || o.gross_minor || ' ' || o.currency || ', fee ' || o.fee_minor
        || ', withheld ' || o.withholding_minor
    from x join billing.statement_line o on o.rail = p_rail and o.rail_txn_id = x.id and o.kind = x.kind
    where (o.gross_minor, o.fee_minor, o.withholding_minor, o.currency) is distinct from (x.gross, x.fee, x.withheld, x.currency::char(3))
    union all
    select x.no, 'not of these days' from x where x.at < p_from or x.at >= p_to
    union all
    select x.no, 'a day to come' from x where x.at > ops.now() + interval '1 day'
    order by 1, 2
$$;
comment on function billing.statement_faults(text, jsonb, text, timestamptz, timestamptz) is
'What forbids to take these lines, each by its number in the file.';

create or replace function billing.statement_time(p_at text, p_zone text) returns timestamptz language sql stable as $$
    select case when p_at ~ '(Z|[+-]\d{2}:\d{2})$' then p_at::timestamptz else p_at::timestamp at time zone p_zone end
$$;
comment on function billing.statement_time(text, text) is 'A time of a statement: as it says itself, else on the clock of its rail.';

create or replace function billing.statement_import(p_rail text, p_sha256 bytea, p_zone text, p_from date, p_to date, p_lines jsonb, p_operator text)
returns table (outcome text, line_no int, detail text) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_from timestamptz := p_from::timestamp at time zone p_zone;
    v_to timestamptz := (p_to + 1)::timestamp at time zone p_zone;
    v_first timestamptz;
    v_last timestamptz;
    v_old billing.statement;
    v_id bigint;
    v_new int;
begin
    lock table billing.statement in share row exclusive mode;
    select * into v_old from billing.statement s
    where case when jsonb_array_length(p_lines) > 0 then s.sha256 = p_sha256 and s.lines > 0
               else s.rail = p_rail and s.from_at = v_from and s.to_at = v_to and s.lines = 0 end;
    if found then
        return query select 'already', null::int, 'statement ' || v_old.id || ' of ' || v_old.rail || ', by ' || v_old.imported_by;
        return;
    elsif not exists (select 1 from billing.rail r where r.code = p_rail and r.statement is null) then
        return query select 'no_rail', null::int, p_rail;
        return;
    end if;
    return query select 'fault', f.line_no, f.what from billing.statement_faults(p_rail, p_lines, p_zone, coalesce(v_from, '-infinity'), coalesce(v_to, 'infinity')) f;
    if found then
        return;
    end if;
    select min(t.at), max(t.at) into v_first, v_last
    from (select billing.statement_time(l.at, p_zone) as at from jsonb_to_recordset(p_lines) as l(at text)) t;
    v_from := coalesce(v_from, date_trunc('day', v_first at time zone p_zone) at time zone p_zone);
    v_to := coalesce(v_to, (date_trunc('day', v_last at time zone p_zone) + interval '1 day') at time zone p_zone);
    -- A day that is not over cannot have been told to its end.
    v_to := case when v_to > v_now then greatest(v_last, v_from) + interval '1 microsecond' else v_to end;
    if v_from is null then
        return query select 'no_day', null::int, '';
        return;
    end if;
    insert into billing.statement (rail, sha256, from_at, to_at, lines, imported_by, imported_at)
    values (p_rail, p_sha256, v_from, v_to, jsonb_array_length(p_lines), p_operator, v_now) returning id into v_id;
    insert into billing.statement_line (statement_id, line_no, rail, rail_txn_id, reference, kind, gross_minor, fee_minor, withholding_minor, currency, at)
    select v_id, l.no, p_rail, l.id,
        case when l.ref ~* '^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$' or billing.order_uuid(l.ref) is not null
               or billing.statement_reference(billing.statement_rails(p_rail), l.ref) is not null then l.ref end,
        l.kind, l.gross, l.fee, l.withheld, l.currency, billing.statement_time(l.at, p_zone)
    from jsonb_to_recordset(p_lines) as l(no int, id text, ref text, kind text, gross bigint, fee bigint, withheld bigint, currency text, at text)
    on conflict (rail, rail_txn_id, kind) do nothing;
    get diagnostics v_new = row_count;
    perform ops.audit_put('operator:' || p_operator, 'statement.imported', 'statement:' || v_id,
        jsonb_build_object('rail', p_rail, 'lines', jsonb_array_length(p_lines), 'new', v_new));
    return query select 'ok', v_new, 'statement ' || v_id || ': ' || v_new || ' new lines of ' || jsonb_array_length(p_lines) || ', '
        || to_char(v_from at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' to ' || to_char(v_to at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC';
end $$;
comment on function billing.statement_import(text, bytea, text, date, date, jsonb, text) is
'A rail''s file, whole or not at all. lines: [{no, id, ref, kind, gross, fee, withheld, currency, at}]; zone: the clock of times without one, and of the days; from, to: the days that the file tells everything about, null: those of its lines. A transaction that an earlier statement told is counted once.
outcome: ok (line_no: how many lines are new) | already (these bytes were imported, or a file without a line for these days) | no_rail (of this name, or listed in another''s statement) | no_day (no line, and no day named) | fault, a row each, nothing is stored. Moves no money and settles nothing.';
