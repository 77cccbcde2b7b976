-- SPDX-License-Identifier: Apache-2.0
-- Failover: what an account that is down, paused or disabled has queued goes by another; a refused number once by the next.

create or replace function messaging.report(p_account text, p_epoch bigint, p_up boolean, p_max int) returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_from text;
    v_n int := 0;
begin
    insert into messaging.account_health as h (account, epoch, up, since, seen_at)
    select a.name, p_epoch, p_up, v_now, v_now from messaging.account a where a.name = p_account
    on conflict (account) do update
        set epoch = excluded.epoch, up = excluded.up, seen_at = v_now, since = case when h.up = excluded.up then h.since else v_now end
        where h.epoch <= excluded.epoch;
    if not found or not p_up or messaging.account_state(p_account) <> 'up' then
        return 0;
    end if;
    for v_from in
        select a.name from messaging.account a
        where a.name <> p_account and messaging.account_state(a.name) in ('down', 'paused', 'disabled') order by a.name
    loop
        v_n := v_n + messaging.reroute(v_from, p_account, p_max - v_n);
        exit when v_n >= p_max;
    end loop;
    return v_n;
end $$;
comment on function messaging.report(text, bigint, boolean, int) is
'The holder of an account says whether its bind is up, on each change and every few seconds; an older epoch is not heard. While up it takes over at most max messages queued on accounts that cannot send. Returns how many: max means that there may be more.';

create or replace function messaging.reroute(p_from text, p_to text, p_max int) returns int language plpgsql as $$
declare
    v_n int;
begin
    -- The filter on routes first: it is cheap, and rows that only the dead account can send must not hide the others.
    -- The queue leads, one identity a row: the limit tells the planner so, whom it would else cost a walk of all readers.
    with due as materialized (
        select m.id, i.country, i.network, m.refused_by
        from messaging.message m
        cross join lateral (select x.country, x.network from auth.identity x where x.id = m.identity_id limit 1) i
        where m.account = p_from and m.state = 'queued' and m.done_at is null and m.refused_by is distinct from p_to
          and exists (select 1 from messaging.route r where r.account = p_to and r.country in (i.country, '*') and r.network in (i.network, '*'))
          and not exists (select 1 from messaging.part p where p.message_id = m.id)
        order by m.account, m.priority, m.due_at, m.id
        limit greatest(p_max, 0)
        for update of m skip locked)
    update messaging.message m set account = p_to, parts = 0
    where m.id = any (array(select d.id from due d where messaging.route_of(d.country, d.network, d.refused_by) = p_to));
    get diagnostics v_n = row_count;
    return v_n;
end $$;
comment on function messaging.reroute(text, text, int) is
'Queued messages of one account whose route is now another go there whole (M2), at most max, most urgent first. Never one of which a part may have left (M4): it has a part, or recovery gave it back with its outcome unknown (a code; done_at stands). Returns how many.';

create or replace function messaging.reroute_refused(p_account text, p_epoch bigint, p_ids bigint[]) returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_to text;
    v_n int := 0;
    m record;
begin
    for m in
        select g.id, i.country, i.network from messaging.message g join auth.identity i on i.id = g.identity_id
        where g.id = any (p_ids) and g.account = p_account and g.state = 'sending' and g.epoch = p_epoch and g.refused_by is null
          and not g.cancel_asked and g.expires_at > v_now and g.parts > 0
          and exists (select 1 from messaging.part p where p.message_id = g.id and p.no = 1 and p.state = 'failed' and p.code = 11)
          and (select count(*) = g.parts and bool_and(p.state = 'failed') from messaging.part p where p.message_id = g.id)
        order by g.id
        for no key update of g
    loop
        v_to := messaging.route_of(m.country, m.network, p_account);
        continue when v_to is null or messaging.account_state(v_to) not in ('up', 'unseen');
        delete from messaging.part p where p.message_id = m.id;
        update messaging.message g
        set account = v_to, refused_by = p_account, state = 'queued', due_at = v_now, tries = 0, parts = 0, sent_at = null
        where g.id = m.id;
        v_n := v_n + 1;
    end loop;
    return v_n;
end $$;
comment on function messaging.reroute_refused(text, bigint, bigint[]) is
'A number that its account does not know (0x0B, as one that was ported), with every part refused and none taken, is sent once more by the next route that can; a second refusal is final. Nothing of it is ever on both. Returns how many.';
