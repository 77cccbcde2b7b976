-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.record(p_account text, p_epoch bigint, p_results jsonb)
returns table (message_id bigint, state text) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_m bigint[];
    v_no int[];
    v_of int[];
    v_ref text[];
    v_code int[];
    v_plain boolean;
    v_retry boolean;
    v_refused boolean;
    v_left boolean;
    v_ids bigint[];
    v_states text[];
    v_unknown bigint[];
    v_n int;
begin
    perform messaging.meet(p_account, false);
    select array_agg(x.m), array_agg(x.no), array_agg(x."of"), array_agg(x.ref), array_agg(x.code),
        bool_and(x.status = 'accepted' and coalesce(x.ref, '') <> '') and count(distinct x.ref) = count(*),
        bool_or(x.status = 'retry'), bool_or(x.status = 'failed' and x.code = 11)
    into v_m, v_no, v_of, v_ref, v_code, v_plain, v_retry, v_refused
    from jsonb_to_recordset(p_results) as x(m bigint, no int, "of" int, ref text, status text, code int);
    -- Before their parts are looked at: who makes or deletes places for parts, as recover does, holds the message.
    select array_agg(l.id), bool_or(l.account is distinct from p_account) into v_ids, v_left from (
        select o.id, o.account from messaging.message o where o.id = any (v_m) order by o.id for no key update) l;
    -- A batch tried again may speak of a message that has left for another account meanwhile: nothing here is about that sending.
    if v_left and not v_plain then
        p_results := (select coalesce(jsonb_agg(e.value), '[]') from jsonb_array_elements(p_results) e
                      where exists (select 1 from messaging.message o where o.id = (e.value->>'m')::bigint and o.account = p_account));
    end if;

    -- The common case: carriers' ids for parts of which nobody has said anything.
    v_plain := v_plain and not exists (select 1 from unnest(v_m, v_no) as x(m, no)
                                       where exists (select 1 from messaging.part q where q.message_id = x.m and q.no = x.no));
    if v_plain then
        insert into messaging.part (account, ref, message_id, no, state, code, at)
        select p_account, x.ref, x.m, x.no, 'accepted', x.code, v_now
        from unnest(v_m, v_no, v_ref, v_code) as x(m, no, ref, code) order by x.ref
        on conflict (account, ref) do nothing;
        get diagnostics v_n = row_count;
        v_plain := v_n = cardinality(v_m);
    end if;
    if not v_plain then
        perform messaging.record_parts(p_account, p_results, v_now);
    end if;
    update messaging.message m set parts = r.parts
    from (select x.m, max(x."of") as parts from unnest(v_m, v_of) as x(m, "of") where x."of" > 0 group by x.m) r
    where m.id = r.m and m.parts <> r.parts and (m.account = p_account or v_plain);
    if v_retry then
        perform messaging.retry_later(p_epoch, p_results, v_now);
    end if;
    if exists (select 1 from messaging.part o where o.account = p_account and o.message_id is null and o.alt <> '{}') then
        v_ids := v_ids || messaging.match_alt(p_account, v_ids);
    end if;
    if v_refused then
        perform messaging.reroute_refused(p_account, p_epoch, v_ids);
    end if;
    select array_agg(g.message_id), array_agg(g.state), array_agg(g.message_id) filter (where g.state = 'unknown')
    into v_ids, v_states, v_unknown from messaging.aggregate(v_ids) g;
    if v_unknown is null then
        return query select * from unnest(v_ids, v_states);
        return;
    end if;
    perform messaging.match_named(p_account, v_unknown);
    return query select m.id, m.state from messaging.message m where m.id = any (v_ids) order by m.id;
end $$;
comment on function messaging.record(text, bigint, jsonb) is
'Responses of a batch: [{m, no, of, ref, status: accepted | failed | unknown | retry | cancelled, code}]. Repeating a batch changes nothing.
A part row is born here or with its receipt, whichever is first; both upsert (account, ref). Facts are taken from any epoch, a retry only from the one that sends. Returns the messages touched, with their state.';

create or replace function messaging.record_parts(p_account text, p_results jsonb, p_now timestamptz) returns void language plpgsql as $$
declare
    v_ref text;
begin
    -- A late response replaces the provisional row of its part. One key at a time: a join is planned badly while the table is young.
    for v_ref in
        select 'm' || r.m || '.' || r.no from jsonb_to_recordset(p_results) as r(m bigint, no int, ref text, status text)
        where r.status = 'accepted' and coalesce(r.ref, '') <> '' order by 1
    loop
        delete from messaging.part p where p.account = p_account and p.ref = v_ref and p.state in ('unknown', 'accepted');
    end loop;

    with r as (
        select distinct on (x.m, x.no) x.m, x.no, x.code, x.status,
            case when x.status = 'accepted' and coalesce(x.ref, '') <> '' then x.ref else 'm' || x.m || '.' || x.no end as ref
        from jsonb_to_recordset(p_results) as x(m bigint, no int, ref text, status text, code int)
        where x.status in ('accepted', 'failed', 'unknown', 'cancelled')
        order by x.m, x.no, (x.status = 'accepted') desc
    ), fresh as (
        select r.*, row_number() over (partition by r.ref order by r.m, r.no) as copy
        from r
        where not exists (select 1 from messaging.part q where q.message_id = r.m and q.no = r.no)
    )
    insert into messaging.part as p (account, ref, message_id, no, state, code, at, shared)
    select p_account, case when f.copy = 1 then f.ref else f.ref || '#m' || f.m || '.' || f.no end, f.m, f.no,
        case f.status when 'cancelled' then 'failed' else f.status end, f.code, p_now, f.copy > 1
    from fresh f
    order by f.ref
    on conflict (account, ref) do update
        set message_id = excluded.message_id, no = excluded.no
        where p.message_id is null;

    -- The carrier gave this ref to another part before: ours stands beside it.
    with missed as (
        select distinct on (x.m, x.no) x.m, x.no, x.code, x.ref
        from jsonb_to_recordset(p_results) as x(m bigint, no int, ref text, status text, code int)
        where x.status = 'accepted' and coalesce(x.ref, '') <> ''
          and not exists (select 1 from messaging.part q where q.message_id = x.m and q.no = x.no)
    ), beside as (
        insert into messaging.part (account, ref, message_id, no, state, code, at, shared)
        select p_account, n.ref || '#m' || n.m || '.' || n.no, n.m, n.no, 'accepted', n.code, p_now, true from missed n
        on conflict (account, ref) do nothing
        returning ref)
    update messaging.part p set shared = true
    where p.account = p_account and not p.shared
      and p.ref in (select split_part(b.ref, '#m', 1) from beside b union
                    select split_part(q.ref, '#m', 1) from messaging.part q, jsonb_to_recordset(p_results) as x(m bigint)
                    where q.message_id = x.m and q.shared);
    -- Places that recovery made for more parts than the message turned out to have.
    delete from messaging.part p using jsonb_to_recordset(p_results) as x(m bigint, "of" int)
    where p.message_id = x.m and p.no > x."of" and x."of" > 0 and p.state = 'unknown';
end $$;
comment on function messaging.record_parts(text, jsonb, timestamptz) is
'Any outcomes, in any order and however often: parts that recovery or an earlier batch has a place for, orphan receipts that wait, a ref that the carrier gave twice. The messages are locked.';

create or replace function messaging.retry_later(p_epoch bigint, p_results jsonb, p_now timestamptz) returns void language plpgsql as $$
begin
    update messaging.message m
    set state = case when m.cancel_asked then 'cancelled' when m.tries >= 5 then 'failed' else 'queued' end,
        due_at = p_now + make_interval(secs => 15 * 2 ^ (m.tries - 1)),
        done_at = case when m.cancel_asked or m.tries >= 5 then p_now end,
        body_sealed = case when m.cancel_asked or m.tries >= 5 then null else m.body_sealed end
    from (select distinct x.m from jsonb_to_recordset(p_results) as x(m bigint, status text) where x.status = 'retry') r
    where m.id = r.m and m.state = 'sending' and m.epoch = p_epoch
      and not exists (select 1 from messaging.part p where p.message_id = m.id and p.state in ('accepted', 'delivered', 'unknown'));
    -- Part of it is gone already: the rest is lost, not resent (a repeat would deliver text twice).
    insert into messaging.part (account, ref, message_id, no, state, code, at)
    select m.account, 'm' || x.m || '.' || x.no, x.m, x.no, 'failed', x.code, p_now
    from jsonb_to_recordset(p_results) as x(m bigint, no int, status text, code int)
    join messaging.message m on m.id = x.m and m.state = 'sending' and m.epoch = p_epoch
    where x.status = 'retry' and not exists (select 1 from messaging.part q where q.message_id = x.m and q.no = x.no)
    on conflict (account, ref) do nothing;
    perform messaging.rewind(m.id) from messaging.message m
    where m.id in (select x.m from jsonb_to_recordset(p_results) as x(m bigint, status text) where x.status = 'retry')
      and m.state in ('cancelled', 'failed');
end $$;
comment on function messaging.retry_later(bigint, jsonb, timestamptz) is
'A message the carrier refused for now and of which nothing was taken goes back to the queue: 15 s doubling, failed after 5 tries.';

create or replace function messaging.aggregate(p_ids bigint[]) returns table (message_id bigint, state text) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_asked boolean;
    v_lost bigint[];
    v_freed bigint[];
    v_failed bigint[];
begin
    select bool_or(l.cancel_asked) into v_asked from (
        select m.cancel_asked from messaging.message m where m.id = any (p_ids) order by m.id for no key update) l;
    with a as (
        select p.message_id as id, count(*) as n, count(*) filter (where p.state = 'unknown') as unknown,
            count(*) filter (where p.state = 'accepted') as open, count(*) filter (where p.state = 'delivered') as delivered
        from messaging.part p where p.message_id = any (p_ids) group by p.message_id
    ), s as (
        select m.id, m.state as old, case
            when a.n < m.parts and m.state = 'sending' then 'sending'
            when a.n < m.parts or a.unknown > 0 then 'unknown'
            when a.open > 0 then 'accepted'
            when a.delivered = a.n then 'delivered'
            when m.cancel_asked and a.delivered = 0 then 'cancelled'
            when a.delivered = 0 then 'failed'
            else 'partial' end as new
        from a join messaging.message m on m.id = a.id
            and (m.state in ('sending', 'accepted', 'unknown')
                 or (m.state = 'queued' and a.n >= m.parts and a.open + a.delivered = a.n))  -- to be sent again, and now known to be there
    ), done as (
        update messaging.message m set state = s.new,
            done_at = case when s.new in ('sending', 'accepted') then null else v_now end,
            body_sealed = case when s.new in ('sending', 'unknown') then m.body_sealed end
        from s where m.id = s.id and s.new <> s.old
        returning m.id, m.identity_id, m.state, m.cancel_asked, m.kind)
    select array_agg(d.id) filter (where d.kind = 'instalment' and d.state in ('failed', 'cancelled')),
           array_agg(distinct d.identity_id) filter (where d.cancel_asked and d.state <> 'sending'),
           array_agg(distinct d.identity_id) filter (where d.kind = 'instalment' and d.state = 'failed')
    into v_lost, v_freed, v_failed from done d;
    if v_lost is not null then
        perform messaging.rewind(x) from unnest(v_lost) x order by x desc;
    end if;
    if v_failed is not null then
        perform messaging.pause_failing(v_failed);
    end if;
    if v_asked then
        perform messaging.release_held(coalesce(v_freed, '{}')
            || array(select m.identity_id from messaging.message m
                     where m.id = any (p_ids) and m.cancel_asked and m.state in ('queued', 'cancelled', 'failed')));
    end if;
    return query select m.id, m.state from messaging.message m where m.id = any (p_ids) order by m.id;
end $$;
comment on function messaging.aggregate(bigint[]) is
'State of messages from their parts: sending (some not answered) | unknown | accepted | delivered (all) | failed or cancelled (none) | partial. Final states stand. A phone that fails for the third time in a week is paused. A sealed body is wiped once accepted or over (S5). Locks messages in id order.';

create or replace function messaging.release_held(p_identities bigint[]) returns void language plpgsql as $$
begin
    -- Held before the others are looked at: of two whose last flagged message ends at once, the second sees both.
    perform 1 from messaging.message h
    where h.identity_id = any (p_identities) and h.state = 'queued' and h.due_at = 'infinity' order by h.id for no key update;
    update messaging.message h set due_at = ops.now()
    where h.identity_id = any (p_identities) and h.state = 'queued' and h.due_at = 'infinity'
      and not exists (select 1 from messaging.message f
                      where f.identity_id = h.identity_id and f.state in ('claimed', 'sending') and f.cancel_asked)
      and not exists (select 1 from messaging.ring r where r.identity_id = h.identity_id and r.state = 'sending' and r.lease_until > ops.now());
end $$;
comment on function messaging.release_held(bigint[]) is 'M3: the confirmation of STOP leaves once no flagged message is being sent and no ring is being pushed.';
