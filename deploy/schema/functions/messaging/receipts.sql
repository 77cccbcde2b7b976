-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.receipts_take(p_account text, p_rows jsonb, out ids bigint[], out waits_ms bigint[]) language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_refs text[];
    v_states text[];
    v_errs int[];
    v_n int;
    v_odd bigint[];
    v_done text[];
begin
    -- The first final state of each ref, in the order of refs: so two transactions lock parts in one order.
    select array_agg(g.ref), array_agg(g.state), array_agg(g.err), count(*) into v_refs, v_states, v_errs, v_n
    from (select distinct on (x.ref) x.ref, w.state, x.err
          from rows from (jsonb_to_recordset(p_rows) as (ref text, state text, err int)) with ordinality as x(ref, state, err, ord)
          join messaging.receipt_word w on w.word = upper(x.state) and w.state <> 'accepted'
          order by x.ref, x.ord) g;
    -- The common case: a ref that one part alone has. Planned each time, for the table as it is: a plan made while it was
    -- young, or a planner that may count the account's parts by itself, begins with all of them.
    execute $q$
        with done as (
            update messaging.part p
            set state = case when p.state in ('accepted', 'unknown') then x.state else p.state end,
                code = case when p.state in ('accepted', 'unknown') then x.err else p.code end,
                receipt_at = coalesce(p.receipt_at, $5)
            from (select $1 as account, u.ref, u.state, u.err from unnest($2, $3, $4) as u(ref, state, err) offset 0) x
            where p.account = x.account and p.ref = x.ref and p.message_id is not null and not p.shared
            returning p.message_id, p.ref, case when p.receipt_at = $5 then (extract(epoch from $5 - p.at) * 1000)::bigint end as wait_ms)
        select coalesce(array_agg(distinct d.message_id), '{}'), coalesce(array_agg(d.ref), '{}'),
            coalesce(array_agg(d.wait_ms) filter (where d.wait_ms is not null), '{}') from done d $q$
    into ids, v_done, waits_ms using p_account, v_refs, v_states, v_errs, v_now;
    if cardinality(v_done) < v_n then
        v_odd := messaging.receipts_odd(p_account, p_rows, v_done, v_now);
        ids := ids || v_odd;
        waits_ms := waits_ms || array(
            select (extract(epoch from v_now - p.at) * 1000)::bigint from messaging.part p
            where p.message_id = any (v_odd) and p.receipt_at = v_now and p.ref <> all (v_done));
    end if;
end $$;
comment on function messaging.receipts_take(text, jsonb) is
'What messaging.receipts does up to the states of the messages. ids: those touched. waits_ms: of each part whose first final receipt this is, the time since its response was recorded.';

create or replace function messaging.receipts(p_account text, p_rows jsonb)
returns table (message_id bigint, state text) language sql as $$
    select g.message_id, g.state from messaging.receipts_take(p_account, p_rows) t, messaging.aggregate(t.ids) g;
$$;
comment on function messaging.receipts(text, jsonb) is
'Receipts of a batch: [{ref, alt: [other forms of ref], state: the carrier''s word or number, err, number_lookup: hex, own: our reference come back}]; without ref, own and number_lookup name the part. Final states are sticky, duplicates and order harmless, states that are not final ignored.
A receipt before its response is kept as an orphan under the same key and meets it in messaging.record. Returns the messages touched, with their state.';

create or replace function messaging.receipts_waits(p_account text, p_rows jsonb) returns setof bigint language plpgsql as $$
declare
    t record;
begin
    select * into t from messaging.receipts_take(p_account, p_rows);
    perform messaging.aggregate(t.ids);
    return query select unnest(t.waits_ms);
end $$;
comment on function messaging.receipts_waits(text, jsonb) is
'messaging.receipts for the daemon: a row a part that had no receipt before, the milliseconds from its response to its receipt.';

create or replace function messaging.receipts_odd(p_account text, p_rows jsonb, p_done text[], p_now timestamptz) returns bigint[] language plpgsql as $$
declare
    v_ids bigint[] := '{}';
    v_id bigint;
    r record;
begin
    if exists (select 1 from jsonb_to_recordset(p_rows) as x(ref text)
               where coalesce(x.ref, '') <> '' and x.ref <> all (p_done)
                 and not exists (select 1 from messaging.part q where q.account = p_account and q.ref = x.ref)) then
        perform messaging.meet(p_account, true);
    end if;
    for r in
        select x.ref, array(select jsonb_array_elements_text(coalesce(x.alt, '[]'))) as alt, w.state, x.err, x.own,
            case when x.number_lookup ~ '^(\\x)?([0-9a-fA-F]{2})+$' then decode(replace(x.number_lookup, '\x', ''), 'hex') end as lookup
        from rows from (jsonb_to_recordset(p_rows) as (ref text, alt jsonb, state text, err int, number_lookup text, own int))
            with ordinality as x(ref, alt, state, err, number_lookup, own, ord)
        join messaging.receipt_word w on w.word = upper(x.state) and w.state <> 'accepted'
        where (coalesce(x.ref, '') <> '' and x.ref <> all (p_done))
           or (coalesce(x.ref, '') = '' and x.own is not null and coalesce(x.number_lookup, '') <> '')
        order by x.ord
    loop
        if coalesce(r.ref, '') = '' then
            v_id := messaging.receipt_named(p_account, r.own, r.state, r.err, r.lookup, p_now);
            v_ids := v_ids || coalesce(array[v_id], '{}');
            continue;
        end if;
        v_id := messaging.receipt_one(p_account, r.ref, r.alt, r.state, r.err, r.lookup, p_now);
        if v_id is not null then
            v_ids := v_ids || v_id;
        elsif r.own is not null and r.lookup is not null then
            update messaging.part o set own = r.own where o.account = p_account and o.ref = r.ref and o.message_id is null;
            perform messaging.match_named(p_account, array(
                select m.id from auth.identity i join messaging.message m on m.identity_id = i.id
                where i.kind = 'phone' and i.lookup = r.lookup order by m.id desc limit 100));
        end if;
    end loop;
    return v_ids;
end $$;
comment on function messaging.receipts_odd(text, jsonb, text[], timestamptz) is
'The receipts of a batch whose ref (not one of p_done) no part alone has: one at a time. Returns the messages touched.';

create or replace function messaging.meet(p_account text, p_alone boolean) returns void language plpgsql as $$
begin
    if p_alone then
        perform pg_advisory_xact_lock(2650, hashtext(p_account));
    else
        perform pg_advisory_xact_lock_shared(2650, hashtext(p_account));
    end if;
end $$;
comment on function messaging.meet(text, boolean) is
'A response and a receipt that writes its id in another form share no key: two transactions at once would each miss the other. Responses of an account, and a takeover, which makes parts of what had none, meet here shared, receipts with a ref nobody has seen alone; the usual receipt does not come here.';

create or replace function messaging.names_another(p_lookup bytea, p_message_id bigint) returns boolean language plpgsql stable as $$
begin
    return exists (
        select 1 from auth.identity i join messaging.message m on m.id = p_message_id
        where i.kind = 'phone' and i.lookup = p_lookup and i.id <> m.identity_id);
end $$;
comment on function messaging.names_another(bytea, bigint) is
'Whether a receipt names another reader''s phone than the message went to. Asked where only another reading of the ref fits: 256 read as hexadecimal is 598, an id of its own at a carrier that counts. No phone, or one that no reader has, says nothing.';

create or replace function messaging.receipt_one(p_account text, p_ref text, p_alt text[], p_state text, p_err int, p_lookup bytea,
                                                 p_now timestamptz) returns bigint language plpgsql as $$
declare
    v_forms text[] := array_prepend(p_ref, p_alt);
    p messaging.part;
begin
    -- Form by form: `ref = any` may be planned as all parts of the account.
    select q.* into p from unnest(v_forms) f(ref)
    cross join lateral (select x.* from messaging.part x where x.account = p_account and x.ref = f.ref and x.message_id is not null offset 0) q
    where q.ref = p_ref or not messaging.names_another(p_lookup, q.message_id)
    order by (q.ref = p_ref) desc limit 1;
    if found and p.shared then
        -- One ref for several parts: this phone's oldest part still open.
        select q.* into p from messaging.part q
        join messaging.message m on m.id = q.message_id
        join auth.identity i on i.id = m.identity_id
        where q.account = p_account and (q.ref = p.ref or (q.ref >= p.ref || '#m' and q.ref < p.ref || '#n'))
          and (p_lookup is null or i.lookup = p_lookup) and q.state in ('accepted', 'unknown')
        order by q.message_id, q.no limit 1;
        if not found then
            return null;
        end if;
    end if;
    if p.message_id is null then
        insert into messaging.part as o (account, ref, state, code, alt, lookup, at, receipt_at)
        values (p_account, p_ref, p_state, p_err, p_alt, p_lookup, p_now, p_now)
        on conflict (account, ref) do update
            set state = case when o.state in ('accepted', 'unknown') then excluded.state else o.state end,
                receipt_at = coalesce(o.receipt_at, excluded.receipt_at)
        returning o.message_id into p.message_id;
        return p.message_id;
    end if;
    update messaging.part q set state = p_state, code = p_err, receipt_at = p_now
    where q.account = p.account and q.ref = p.ref and q.state in ('accepted', 'unknown');
    -- A provisional part whose receipt names it (our own reference came back) takes the carrier's ref.
    if p.ref like 'm%.%' and p.ref <> p_ref then
        delete from messaging.part o where o.account = p_account and o.ref = p_ref and o.message_id is null;
        update messaging.part q set ref = p_ref where q.account = p.account and q.ref = p.ref
            and not exists (select 1 from messaging.part e where e.account = p_account and e.ref = p_ref);
    end if;
    return p.message_id;
end $$;
comment on function messaging.receipt_one(text, text, text[], text, int, bytea, timestamptz) is
'One receipt the slow way: by any form of its ref, by ref and phone when the carrier repeats refs, else kept as an orphan. Returns the message, or null.';

create or replace function messaging.receipt_named(p_account text, p_own int, p_state text, p_err int, p_lookup bytea, p_now timestamptz)
returns bigint language plpgsql as $$
declare
    p messaging.part;
begin
    if p_lookup is null then
        return null;
    end if;
    select q.* into p
    from (select m.id from auth.identity i join messaging.message m on m.identity_id = i.id
          where i.kind = 'phone' and i.lookup = p_lookup and m.account = p_account order by m.id desc limit 100) l
    join messaging.part q on q.message_id = l.id and q.account = p_account
    where messaging.part_reference(l.id, q.no) = p_own
    order by l.id desc limit 1;
    if not found then
        insert into messaging.part (account, ref, lookup, own, state, code, at, receipt_at)
        values (p_account, '~' || p_own || '.' || encode(p_lookup, 'hex'), p_lookup, p_own, p_state, p_err, p_now, p_now)
        on conflict (account, ref) do nothing;
        return null;
    end if;
    update messaging.part q set state = p_state, code = p_err, receipt_at = p_now
    where q.account = p.account and q.ref = p.ref and q.state in ('accepted', 'unknown');
    return p.message_id;
end $$;
comment on function messaging.receipt_named(text, int, text, int, bytea, timestamptz) is
'A receipt without an id, by our own name of the part and the phone: of its last hundred messages the newest such part. Before its response it waits as an orphan ~<own>.<phone>, for messaging.match_orphans. Returns the message, or null.';

create or replace function messaging.match_alt(p_account text, p_ids bigint[]) returns bigint[] language plpgsql as $$
declare
    v_ids bigint[] := '{}';
    o record;
begin
    for o in
        select q.ref, f.state, f.code, f.receipt_at, f.ref as orphan, q.message_id
        from messaging.part q
        join messaging.part f on f.account = q.account and f.message_id is null and f.alt @> array[q.ref]
        where q.account = p_account and q.message_id = any (p_ids) and q.state in ('accepted', 'unknown')
          and not messaging.names_another(f.lookup, q.message_id)
    loop
        delete from messaging.part x where x.account = p_account and x.ref = o.orphan and x.message_id is null;
        update messaging.part x set state = o.state, code = o.code, receipt_at = o.receipt_at
        where x.account = p_account and x.ref = o.ref;
        v_ids := v_ids || o.message_id;
    end loop;
    return v_ids;
end $$;
comment on function messaging.match_alt(text, bigint[]) is
'Parts just named by a response that wait as orphans under another form of the ref (hex, decimal, padded). Returns their messages.';

create or replace function messaging.match_orphans(p_account text, p_max int) returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_ids bigint[] := '{}';
    o messaging.part;
    p messaging.part;
    v_open text[];
begin
    for o in
        select * from messaging.part f where f.account = p_account and f.message_id is null and f.at <= v_now - interval '5 minutes'
        order by f.at desc limit p_max for update skip locked
    loop
        -- One without an id may belong to a part whose response came behind it.
        v_open := case when o.ref like '~%' and o.own is not null then '{unknown,accepted,sending}' else '{unknown}' end;
        select q.* into p
        from auth.identity i
        join messaging.message m on m.identity_id = i.id and m.account = p_account and m.state = any (v_open)
        join messaging.part q on q.message_id = m.id and q.state = any (v_open)
        where i.kind = 'phone' and i.lookup = o.lookup and m.sent_at <= o.at
          and (o.own is null or o.own = messaging.part_reference(m.id, q.no))
        order by m.id, q.no limit 1;
        if found then
            delete from messaging.part x where x.account = o.account and x.ref = o.ref;
            update messaging.part x set ref = case when o.ref like '~%' then x.ref else o.ref end, state = o.state, code = o.code, receipt_at = o.receipt_at
            where x.account = p.account and x.ref = p.ref;
            v_ids := v_ids || p.message_id;
        end if;
    end loop;
    delete from messaging.part x where x.account = p_account and x.message_id is null and x.ref = any (array(
        select f.ref from messaging.part f where f.account = p_account and f.message_id is null and f.at <= v_now - interval '3 days'
        order by f.at limit p_max * 20));
    perform messaging.aggregate(v_ids);
    return cardinality(v_ids);
end $$;
comment on function messaging.match_orphans(text, int) is
'A periodic job: receipts that waited 5 min for a response belong to the part whose name they give back, or without one to the oldest part of unknown outcome on the same phone, if there is one; else they go after 3 days. The newest are looked at first: strangers'' receipts, however many, keep nobody waiting. Returns how many matched.';
