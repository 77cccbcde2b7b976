-- SPDX-License-Identifier: Apache-2.0
-- What an ESME submits becomes rows of the outbox, and what it may still do with them.

create or replace function messaging.submit(p_esme text, p_networks text[], p_rows jsonb)
returns table (n int, outcome text, message_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_account text;
    v_identity bigint;
    v_bodies jsonb;
    v_multi bigint[] := '{}';
    i auth.identity;
    r record;
begin
    if jsonb_path_exists(p_rows, '$[*].multi') then
        v_bodies := (select jsonb_object_agg(x.multi, x.body) from jsonb_to_recordset(p_rows) as x(multi int, body text)
                     where x.multi is not null and x.body is not null);
    end if;
    -- By number: two batches at once take their locks in one order. Texts to one number keep the order in which they came.
    for r in
        select * from jsonb_to_recordset(p_rows) as x(n int, multi int, dedupe text, lookup text, sealed text, key_id int, country text,
            network text, body text, source text, source_kind text, coding int, plain boolean, udhi boolean, parts int, priority int,
            due_s bigint, validity_s bigint, registered int)
        order by x.lookup, x.n
    loop
        n := r.n;
        message_id := null;
        if not exists (select 1 from ops.country c where c.code = r.country) then
            outcome := 'no_route';
            return next;
            continue;
        end if;
        select f.identity_id into v_identity
        from auth.identity_find(decode(r.lookup, 'hex'), decode(r.sealed, 'hex'), r.key_id, r.country, r.network, '') f;
        -- Held to the commit: a STOP comes before this message or finds it queued.
        select * into i from auth.identity d where d.id = v_identity for share;
        v_account := messaging.account_for(i.country, i.network);
        outcome := case
            when i.stopped_at is not null then 'stopped'
            when p_networks <> '{}' and i.country <> all (p_networks) and i.country || '/' || i.network <> all (p_networks) then 'not_allowed'
            when v_account is null then 'no_route'
            else 'queued' end;
        if outcome = 'queued' then
            insert into messaging.message (account, identity_id, user_id, kind, priority, body_sealed, lang, encoding, segments, due_at,
                                           expires_at, dedupe, created_at)
            values (v_account, i.id, i.user_id, 'esme', r.priority, decode(coalesce(r.body, v_bodies->>r.multi::text), 'hex'),
                    ops.first_language(i.country), 'auto', r.parts,
                    v_now + make_interval(secs => r.due_s), v_now + make_interval(secs => r.due_s + r.validity_s), r.dedupe, v_now)
            on conflict (dedupe) where dedupe is not null do nothing
            returning id into message_id;
            if message_id is null then
                select m.id into message_id from messaging.message m where m.dedupe = r.dedupe;
            else
                insert into messaging.esme_message (message_id, esme, source, source_kind, coding, plain, udhi, registered)
                values (message_id, p_esme, r.source, r.source_kind, r.coding, r.plain, r.udhi, r.registered);
            end if;
            if r.multi is not null then
                v_multi[r.multi] := coalesce(v_multi[r.multi],
                    (select g.multi from messaging.esme_multi g where g.message_id = submit.message_id), message_id);
                insert into messaging.esme_multi (message_id, multi) values (message_id, v_multi[r.multi])
                on conflict on constraint esme_multi_pkey do nothing;
                message_id := v_multi[r.multi];
            end if;
        end if;
        return next;
    end loop;
end $$;
comment on function messaging.submit(text, text[], jsonb) is
'A batch of one ESME, one row a number: [{n, multi: the same positive number for those of one submit_multi, else absent, dedupe, lookup and sealed: of the number, key_id, country, network, body: sealed text or octets, once a submit_multi, source, source_kind, coding, plain, udhi, parts, priority, due_s, validity_s, registered}]. p_networks: where it may send ("CI" or "CI/mtn"), empty: anywhere.
message_id: of the message; of a submit_multi, one that names them all (messaging.esme_named). outcome: queued | stopped (the reader said STOP) | not_allowed | no_route. dedupe names the submit, not its text: the same batch after a lost answer gives the same ids, the same text submitted twice is two messages.';

create or replace function messaging.wire_of(p_account text, p_message_id bigint, p_kind text)
returns table (sender text, kind text, coding int, udhi boolean, fold text) language plpgsql volatile rows 1 as $$
#variable_conflict use_column
declare
    v_fold text := (select m.fold from messaging.message m where m.id = p_message_id);
    e messaging.esme_message;
begin
    if p_kind = 'esme' then
        select * into e from messaging.esme_message x where x.message_id = p_message_id;
    end if;
    if e.source <> '' then
        return query select e.source, e.source_kind, e.coding::int, e.udhi, v_fold;
    else
        return query select s.sender, s.kind, e.coding::int, coalesce(e.udhi, false), v_fold
            from (select) one left join lateral messaging.sender_of(p_account, p_message_id) s on true;
    end if;
end $$;
comment on function messaging.wire_of(text, bigint, text) is
'How a message goes on the wire: its sender (an ESME''s own, else messaging.sender_of; null: the link''s own), of octets that an ESME gave their data_coding and whether they begin with a header, and its folding.
Volatile, as messaging.claim beside which it is asked: claim sees what was committed while it waited, and a stable function would look with the eyes of before.';

create or replace function messaging.esme_named(p_esme text, p_id bigint) returns table (message_id bigint) language sql stable as $$
    select e.message_id from messaging.esme_message e
    where e.message_id = p_id and e.esme = p_esme and not exists (select 1 from messaging.esme_multi g where g.message_id = p_id)
    union all
    select g.message_id from messaging.esme_multi g
    cross join lateral (select 1 from messaging.esme_message e where e.message_id = g.message_id and e.esme = p_esme offset 0) its
    where g.multi = p_id
$$;
comment on function messaging.esme_named(text, bigint) is
'The messages that this ESME knows by this id: one, those of a submit_multi, or none that are its.';

create or replace function messaging.esme_query(p_esme text, p_id bigint) returns table (state text, code int, done text)
language sql stable as $$
    select m.state, (select p.code from messaging.part p where p.message_id = m.id and p.state in ('failed', 'expired') order by p.no limit 1),
        to_char(m.done_at at time zone 'UTC', 'YYMMDDHH24MISS')
    from messaging.esme_named(p_esme, p_id) x
    cross join lateral (select m.id, m.state, m.done_at from messaging.message m where m.id = x.message_id offset 0) m
    order by m.state in ('delivered', 'partial', 'failed', 'cancelled', 'expired'), m.state = 'delivered', m.id limit 1
$$;
comment on function messaging.esme_query(text, bigint) is
'query_sm: state, error and end (UTC) of a message of this ESME; no row for any other. Of a submit_multi the message that is furthest from arriving: delivered means all are.';

create or replace function messaging.esme_open(p_esme text, p_id bigint) returns text language plpgsql as $$
declare
    v_ids bigint[] := array(select x.message_id from messaging.esme_named(p_esme, p_id) x);
    v_id bigint;
    v_state text;
    v_open int := 0;
begin
    for v_id in select i from unnest(v_ids) i order by i loop
        select m.state into v_state from messaging.message m where m.id = v_id for no key update;
        v_open := v_open + (v_state is not distinct from 'queued')::int;
    end loop;
    return case when cardinality(v_ids) = 0 then 'not_found' when v_open = cardinality(v_ids) then 'open'
                when v_open > 0 then 'some' else 'too_late' end;
end $$;
comment on function messaging.esme_open(text, bigint) is
'Locks what this ESME may still change: open | some (of a submit_multi) | too_late (a sender has it, or it is over) | not_found (no message of its).';

create or replace function messaging.esme_cancel(p_esme text, p_id bigint) returns text language plpgsql as $$
declare
    v_outcome text := messaging.esme_open(p_esme, p_id);
    v_id bigint;
begin
    if v_outcome in ('open', 'some') then
        for v_id in select x.message_id from messaging.esme_named(p_esme, p_id) x loop
            update messaging.message m set state = 'cancelled', body_sealed = null, done_at = ops.now()
            where m.id = v_id and m.state = 'queued';
        end loop;
        return 'cancelled';
    end if;
    return v_outcome;
end $$;
comment on function messaging.esme_cancel(text, bigint) is
'cancel_sm: cancelled (of a submit_multi, what was not sent yet) | too_late | not_found.';

create or replace function messaging.esme_replace(p_esme text, p_id bigint, p_body bytea, p_parts int, p_due_s bigint, p_validity_s bigint,
                                                  p_registered int) returns text language plpgsql as $$
declare
    v_outcome text := messaging.esme_open(p_esme, p_id);
    v_now timestamptz := ops.now();
    v_id bigint;
begin
    if v_outcome <> 'open' then
        return case v_outcome when 'some' then 'too_late' else v_outcome end;
    end if;
    for v_id in select x.message_id from messaging.esme_named(p_esme, p_id) x loop
        update messaging.esme_message e set registered = p_registered where e.message_id = v_id and e.plain and e.coding is null;
        if not found then
            return 'octets'; -- as all of a submit_multi: they came in one PDU
        end if;
        update messaging.message m
        set body_sealed = p_body, segments = p_parts, due_at = coalesce(v_now + make_interval(secs => p_due_s), m.due_at),
            expires_at = case when p_validity_s is null then m.expires_at
                              else coalesce(v_now + make_interval(secs => p_due_s), greatest(m.due_at, v_now)) + make_interval(secs => p_validity_s) end
        where m.id = v_id;
    end loop;
    return 'replaced';
end $$;
comment on function messaging.esme_replace(text, bigint, bytea, int, bigint, bigint, int) is
'replace_sm, which names no data_coding: replaced | octets (it came in another coding, or is one part of something) | too_late (of a submit_multi, as soon as one is) | not_found. Null seconds: as it was.';
