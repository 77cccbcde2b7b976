-- SPDX-License-Identifier: Apache-2.0
-- What a person decides at night, each with its row of audit, and what the binds say of themselves.

create or replace function messaging.link_wish(p_operator text, p_account text, p_wish text)
returns table (outcome text, was text) language plpgsql as $$
declare
    v_was text;
begin
    select a.wish into v_was from messaging.account a where a.name = p_account for update;
    if not found then
        return query select 'no_account', null::text;
        return;
    end if;
    update messaging.account a
    set wish = p_wish, paused_at = case when p_wish <> 'run' then coalesce(a.paused_at, ops.now()) end
    where a.name = p_account;
    perform ops.audit_put('operator:' || p_operator, 'link.' || p_wish, 'account:' || p_account, jsonb_build_object('was', v_was));
    return query select case when v_was = p_wish then 'same' else 'set' end, v_was;
end $$;
comment on function messaging.link_wish(text, text, text) is
'`coko link`: run, pause or drain an account; unless it runs, new messages go by another route where there is one. outcome: set | same | no_account. The caller wakes the topic coko_account.';

create or replace function messaging.bind_report(p_binds jsonb) returns table (account text, wish text) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
begin
    if jsonb_array_length(p_binds) > 0 then
        insert into messaging.bind as b (name, lease, account, owner, epoch, state, since, window_used, window_size, waiting,
                                         rate_now, rate_full, sent_per_s, throttled, error, at)
        select r.name, coalesce(r.lease, 'bind:' || r.name), r.account, r.owner, r.epoch, r.state,
            v_now - make_interval(secs => r.since_ms / 1000.0), r.window_used, r.window_size, r.waiting, r.rate_now, r.rate_full, round(r.answered * 1000.0 / greatest(r.over_ms, 1), 1), r.throttled,
            r.error, v_now
        from jsonb_to_recordset(p_binds) as r(name text, lease text, account text, owner text, epoch bigint, state text,
            since_ms bigint, window_used int, window_size int, waiting int, rate_now int, rate_full int, answered bigint, over_ms bigint,
            throttled boolean, error text)
        order by r.name
        on conflict (name) do update
            set lease = excluded.lease, account = excluded.account, owner = excluded.owner, epoch = excluded.epoch,
                state = excluded.state, since = excluded.since, window_used = excluded.window_used, window_size = excluded.window_size,
                waiting = excluded.waiting, rate_now = excluded.rate_now, rate_full = excluded.rate_full,
                sent_per_s = excluded.sent_per_s, throttled = excluded.throttled, error = excluded.error, at = excluded.at
            where b.epoch <= excluded.epoch;
        delete from messaging.bind b
        using (select r.lease, max(r.epoch) as epoch, array_agg(r.name) as names
               from jsonb_to_recordset(p_binds) as r(name text, lease text, epoch bigint) where r.lease is not null
               group by r.lease) as mine
        where b.lease = mine.lease and b.epoch <= mine.epoch and b.name <> all (mine.names);
    end if;
    return query select a.name, a.wish from messaging.account a;
end $$;
comment on function messaging.bind_report(jsonb) is
'The owner of binds says how they are (an older epoch is not heard; a connection it does not name is gone) and every process hears what is wished of the accounts.';

create or replace function messaging.outbox_unknown(p_account text, p_older interval, p_max int)
returns table (message_id bigint, account text, kind text, age_s bigint, parts int, unknown int, receipts int) language sql stable as $$
    select m.id, m.account, m.kind, extract(epoch from ops.now() - coalesce(m.sent_at, m.created_at))::bigint, m.parts::int,
        (select count(*) from messaging.part p where p.message_id = m.id and p.state = 'unknown')::int,
        (select count(*) from messaging.part p where p.message_id = m.id and p.receipt_at is not null)::int
    from messaging.account a
    cross join lateral (
        select * from messaging.message u
        where u.account = a.name and u.state = 'unknown' and coalesce(u.sent_at, u.created_at) <= ops.now() - p_older
        order by u.account, u.id limit p_max) m
    where a.name = p_account or p_account = ''
    order by m.account, m.id
    limit p_max
$$;
comment on function messaging.outbox_unknown(text, interval, int) is
'Messages of unknown outcome sent longer ago than p_older, oldest first, of one account or ('''') of all. receipts: parts whose fate the carrier told.';

create or replace function messaging.outbox_decide(p_operator text, p_action text, p_ids bigint[])
returns table (message_id bigint, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_given bigint[] := '{}';
    v_outcome text;
    m messaging.message;
begin
    for m in select * from messaging.message u where u.id = any (p_ids) order by u.id for no key update loop
        v_outcome := case
            when m.state <> 'unknown' then 'not_unknown'
            when p_action = 'give_up' then 'given_up'
            else messaging.requeue_refusal(m, v_now) end;
        if v_outcome is null then
            delete from messaging.part p where p.message_id = m.id and p.state in ('unknown', 'failed');
            update messaging.message u set state = 'queued', due_at = v_now, done_at = null, parts = 0 where u.id = m.id;
            v_outcome := 'requeued';
        elsif v_outcome = 'given_up' then
            update messaging.part p set state = 'failed' where p.message_id = m.id and p.state = 'unknown';
            insert into messaging.part (account, ref, message_id, no, state, at)
            select m.account, 'm' || m.id || '.' || n, m.id, n, 'failed', v_now
            from generate_series(1, greatest(m.parts, 1)) n
            where not exists (select 1 from messaging.part q where q.message_id = m.id and q.no = n)
            on conflict (account, ref) do nothing;
            v_given := v_given || m.id;
        end if;
        if v_outcome in ('requeued', 'given_up') then
            perform ops.audit_put('operator:' || p_operator, 'outbox.' || p_action, 'message:' || m.id,
                                  jsonb_build_object('account', m.account, 'kind', m.kind, 'tries', m.tries));
        end if;
        message_id := m.id;
        outcome := v_outcome;
        return next;
    end loop;
    if v_given <> '{}' then
        perform messaging.aggregate(v_given);
    end if;
end $$;
comment on function messaging.outbox_decide(text, text, bigint[]) is
'A person decides what the carrier never said (M4). p_action: requeue | give_up. outcome: requeued | given_up | not_unknown, or why it is not sent again (messaging.requeue_refusal). A given-up instalment gives its text back, by messaging.rewind.';

create or replace function messaging.requeue_refusal(m messaging.message, p_now timestamptz) returns text language plpgsql as $$
begin
    return case
        when exists (select 1 from messaging.part p where p.message_id = m.id and p.receipt_at is not null) then 'has_receipt'
        when exists (select 1 from messaging.part p where p.message_id = m.id and p.state in ('accepted', 'delivered')) then 'part_accepted'
        when m.expires_at <= p_now then 'expired'
        when m.body is null and m.body_sealed is null then 'no_body'
        when m.cancel_asked then 'stopped'
        when m.kind in ('notice', 'instalment', 'esme')
             and exists (select 1 from auth.identity i where i.id = m.identity_id and i.stopped_at is not null) then 'stopped'
    end;
end $$;
comment on function messaging.requeue_refusal(messaging.message, timestamptz) is
'Why a message of unknown outcome may not be sent again: has_receipt | part_accepted (the carrier has part of it) | expired | no_body | stopped (M3); null: it may.';
