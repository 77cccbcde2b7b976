-- SPDX-License-Identifier: Apache-2.0
-- Rings: readers are called over USSD. What SMS that nobody asked for may not do, a ring may not either.

create or replace function messaging.ring_put(p_identity_id bigint, p_carrier text, p_purpose text, p_body text,
                                              p_after interval, p_for interval, p_dedupe text)
returns table (outcome text, ring_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_due timestamptz := ops.now() + p_after;
    v_open timestamptz;
    v_id bigint;
    i auth.identity;
begin
    if not exists (select 1 from messaging.ring_carrier c where c.carrier = p_carrier and c.seen_at > ops.now() - interval '1 day') then
        return query select 'no_carrier', null::bigint;
        return;
    end if;
    select * into i from auth.identity where id = p_identity_id for share;
    if i.gone_at is not null or i.stopped_at is not null or i.paused_at is not null then
        return query select 'stopped', null::bigint;
        return;
    end if;
    v_open := coalesce(messaging.quiet_end(i.country, v_due), v_due);
    if v_open > v_due and p_purpose <> 'asked' then
        return query select 'quiet', null::bigint;
        return;
    end if;
    insert into messaging.ring (carrier, identity_id, purpose, body, due_at, expires_at, dedupe, created_at)
    values (p_carrier, i.id, p_purpose, nullif(p_body, ''), v_open,
            least(v_open + p_for, messaging.quiet_begin(i.country, v_open)), nullif(p_dedupe, ''), ops.now())
    on conflict do nothing
    returning id into v_id;
    return query select case when v_id is null then 'seen' else 'queued' end, v_id;
end $$;
comment on function messaging.ring_put(bigint, text, text, text, interval, interval, text) is
'A ring in the caller''s transaction (M1). outcome: queued | seen (one of this purpose waits already, or dedupe was used) | stopped (STOP or PAUSE) | quiet (what we think of ourselves is worth nothing hours later; what was asked for waits for the end of the quiet hours) | no_carrier (nobody can ring through it). It ends before the next quiet hours begin.';

create or replace function messaging.ring_seen(p_carriers text[]) returns void language plpgsql as $$
begin
    insert into messaging.ring_carrier (carrier, seen_at)
    select c, ops.now() from unnest(p_carriers) c
    where not exists (select 1 from messaging.ring_carrier k where k.carrier = c and k.seen_at >= ops.now() - interval '1 hour')
    on conflict (carrier) do update set seen_at = excluded.seen_at;
end $$;
comment on function messaging.ring_seen(text[]) is 'A gateway that may ring through these carriers is there; written once an hour.';

create or replace function messaging.ring_number(p_lookup bytea, p_sealed bytea, p_key_id int, p_country text, p_network text,
                                                 p_carrier text, p_body text)
returns table (outcome text, ring_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_id bigint;
begin
    perform messaging.ring_seen(array[p_carrier]);
    select f.identity_id into v_id from auth.identity_find(p_lookup, p_sealed, p_key_id, p_country, p_network, '') f;
    return query select p.outcome, p.ring_id
        from messaging.ring_put(v_id, p_carrier, 'asked', p_body, interval '0', interval '1 hour', null) p;
end $$;
comment on function messaging.ring_number(bytea, bytea, int, text, text, text, text) is
'Somebody who knows the carrier''s secret asks to ring this number, of a gateway that may: outcome as messaging.ring_put, never no_carrier.';

create or replace function messaging.ring_over(p_state text, p_reason text, p_ids bigint[]) returns void language plpgsql as $$
declare
    v_who bigint[];
begin
    with over as (
        update messaging.ring r set state = p_state, reason = left(coalesce(p_reason, ''), 80), done_at = ops.now()
        where r.id = any (p_ids) returning r.identity_id)
    select array_agg(distinct o.identity_id) into v_who from over o;
    perform messaging.release_held(coalesce(v_who, '{}'));
end $$;
comment on function messaging.ring_over(text, text, bigint[]) is 'These rings end so; a confirmation of STOP that waited for one may leave (M3).';

create or replace function messaging.ring_sweep() returns void language plpgsql as $$
declare
    v_ids bigint[];
begin
    select array_agg(r.id) into v_ids from (
        select s.id from messaging.ring s where s.state = 'sending' and s.lease_until <= ops.now()
        order by s.lease_until limit 100 for update skip locked) r;
    if v_ids is not null then
        perform messaging.ring_over('unknown', 'nobody answered', v_ids);
    end if;
    select array_agg(r.id) into v_ids from (
        select q.id from messaging.ring q where q.state = 'queued' and q.expires_at <= ops.now()
        order by q.id limit 100 for update skip locked) r;
    if v_ids is not null then
        perform messaging.ring_over('expired', 'its end came', v_ids);
    end if;
end $$;
comment on function messaging.ring_sweep() is 'M4: pushed and not answered while the lease ran is unknown. What nobody could push before its end is expired.';

create or replace function messaging.ring_claim(p_owner text, p_carriers text[], p_most int[])
returns table (ring_id bigint, epoch bigint, carrier text, purpose text, body text, number_sealed bytea, tries int) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_ids bigint[];
    v_who bigint[];
begin
    perform messaging.ring_seen(p_carriers);
    perform messaging.ring_sweep();
    select array_agg(r.id) into v_ids
    from unnest(p_carriers, p_most) k(carrier, most)
    cross join lateral (
        select q.id from messaging.ring q
        where q.state = 'queued' and q.carrier = k.carrier and q.due_at <= v_now and q.expires_at > v_now
        order by q.due_at, q.id limit greatest(k.most, 0) for update skip locked) r;
    if v_ids is null then
        return;
    end if;
    -- Who says STOP just now holds the phone and waits for the ring: it is left to the next claim.
    select array_agg(i.id) into v_who from (
        select x.id from auth.identity x where x.id in (select r.identity_id from messaging.ring r where r.id = any (v_ids))
        order by x.id for share skip locked) i;
    perform messaging.ring_over('expired', 'stopped', array(
        select r.id from messaging.ring r join auth.identity i on i.id = r.identity_id
        where r.id = any (v_ids) and i.id = any (v_who) and (i.stopped_at is not null or i.paused_at is not null)));
    return query
    update messaging.ring r
    set state = 'sending', owner = p_owner, epoch = r.epoch + 1, tries = r.tries + 1, lease_until = v_now + interval '45 seconds'
    from auth.identity i
    where r.id = any (v_ids) and r.state = 'queued' and i.id = r.identity_id and i.id = any (v_who)
    returning r.id, r.epoch, r.carrier, r.purpose, r.body, i.sealed, r.tries::int;
end $$;
comment on function messaging.ring_claim(text, text[], int[]) is
'Rings that are due on these carriers, at most so many of each, each under a new epoch (M1: committed before the push). Says too that these carriers can be rung through, and ends what is over. Whoever said STOP or PAUSE meanwhile is not rung.';

create or replace function messaging.ring_end(p_ring_id bigint, p_epoch bigint, p_event text, p_reason text)
returns table (outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    r messaging.ring;
begin
    select * into r from messaging.ring where id = p_ring_id for update;
    if r.id is null or r.epoch <> p_epoch or not (r.state = 'sending' or (r.state = 'unknown' and p_event in ('accepted', 'refused'))) then
        return query select 'stale';
        return;
    end if;
    if p_event = 'not_sent' then
        update messaging.ring set state = 'queued', reason = left(coalesce(p_reason, ''), 80), lease_until = null,
            due_at = v_now + least(interval '5 seconds' * power(2, r.tries), interval '5 minutes')
        where id = r.id;
        perform messaging.release_held(array[r.identity_id]);
        return query select 'queued';
        return;
    end if;
    perform messaging.ring_over(p_event, p_reason, array[r.id]);
    return query select p_event;
end $$;
comment on function messaging.ring_end(bigint, bigint, text, text) is
'What became of a push. event: accepted | refused | unknown | not_sent (no byte of it left: it waits and is tried again until its end). outcome: that state | queued | stale (another epoch, or over: changes nothing). An answer that comes after the lease still says what happened.';

create or replace function messaging.ring_stop(p_identity_id bigint) returns int language plpgsql as $$
begin
    update messaging.ring set state = 'expired', reason = 'stopped', done_at = ops.now()
    where identity_id = p_identity_id and state = 'queued';
    return (select count(*) from messaging.ring r where r.identity_id = p_identity_id and r.state = 'sending' and r.lease_until > ops.now());
end $$;
comment on function messaging.ring_stop(bigint) is 'STOP and PAUSE: nothing that waits rings any more. How many are being pushed: a confirmation waits for them (M3).';

create or replace function messaging.ring_pass(p_charge_id bigint) returns void language plpgsql as $$
begin
    if not exists (select 1 from messaging.ring_carrier) then
        return;
    end if;
    perform messaging.ring_put(i.id, i.ds, 'pass_active', null, interval '20 seconds', interval '10 minutes', 'pass:' || c.id)
    from billing.charge c join auth.identity i on i.id = c.identity_id and i.user_id = c.user_id
    where c.id = p_charge_id and c.channel = 'ussd' and c.book_id is null and c.gift_by is null and i.ds <> '';
end $$;
comment on function messaging.ring_pass(bigint) is
'"Your pass is active, read now?": a reader who paid for a pass of her own on the USSD screen of a carrier that can ring is rung once, after the rail''s own prompt has gone, within ten minutes or never.';

create or replace function messaging.ring_endings(p_max int) returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    e record;
    v_body text;
    v_n int := 0;
begin
    for e in
        select n.id, n.plan_id, n.user_id, n.ends_at, i.id as identity_id, i.ds, i.country, u.lang
        from billing.entitlement n
        join billing.charge c on c.id = n.charge_id and c.channel = 'ussd'
        join auth.identity i on i.id = c.identity_id and i.user_id = n.user_id
        join auth.users u on u.id = n.user_id
        where n.ends_at > v_now + interval '30 minutes' and n.ends_at <= v_now + interval '3 hours' and i.ds <> ''
          and i.stopped_at is null and i.paused_at is null and n.cancelled_at is null and not n.given_back
          and exists (select 1 from messaging.ring_carrier k where k.carrier = i.ds)
          and not exists (select 1 from billing.entitlement later where later.user_id = n.user_id and later.ends_at > n.ends_at)
          and not exists (select 1 from billing.mandate m where m.user_id = n.user_id and m.state = 'ACTIVE')
          and not exists (select 1 from messaging.ring r where r.dedupe = 'ending:' || n.id)
        order by n.ends_at, n.id limit greatest(p_max, 0)
    loop
        v_body := messaging.render('pass_ending', e.lang, jsonb_build_object(
            'plan', (select coalesce(ops.named(p.names, e.lang), p.code) from billing.plan p where p.id = e.plan_id),
            'until', billing.local_text(e.user_id, e.ends_at), 'dial', coalesce(messaging.dial_code_of(e.country), '')));
        if v_body is not null and (select p.outcome from messaging.ring_put(e.identity_id, e.ds, 'pass_ending', v_body, interval '0',
                                                                            interval '30 minutes', 'ending:' || e.id) p) = 'queued' then
            v_n := v_n + 1;
        end if;
    end loop;
    return v_n;
end $$;
comment on function messaging.ring_endings(int) is
'The reminder: passes bought over USSD that end within three hours, with none after them and no mandate to renew them, are told once to the phone that paid, where its carrier can ring. Of the job that looks each five minutes; how many it made.';
