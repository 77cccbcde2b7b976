-- SPDX-License-Identifier: Apache-2.0
create or replace function ops.links() returns table (account text, wish text, bind text, state text, owner text, epoch bigint,
    since_s bigint, window_used int, window_size int, waiting int, rate_now int, rate_full int, sent_per_s numeric, throttled boolean,
    error text, unsent bigint, oldest_unsent_s bigint, unknown bigint) language sql stable as $$
    select a.name, a.wish, b.name,
        case when b.name is null then 'none' when l.until is null or l.until <= ops.now() then 'free'
             when b.at < ops.now() - interval '15 seconds' then 'silent' else b.state end,
        case when l.until > ops.now() then l.owner end, l.epoch, extract(epoch from ops.now() - b.since)::bigint,
        b.window_used, b.window_size, b.waiting, b.rate_now, b.rate_full, b.sent_per_s, b.throttled, b.error,
        q.n, extract(epoch from ops.now() - q.oldest)::bigint,
        (select count(*) from messaging.message u where u.account = a.name and u.state = 'unknown')
    from messaging.account a
    left join messaging.bind b on b.account = a.name
    left join ops.lease l on l.name = b.lease
    cross join lateral (select count(*) as n, min(m.due_at) as oldest from messaging.message m
                        where m.account = a.name and m.state = 'queued' and m.due_at <= ops.now()) q
    order by a.name, length(b.name), b.name
$$;
comment on function ops.links() is
'`coko status`: each account and its binds. state: of the link as its owner said, none (no bind yet), free (nobody holds the lease), silent (the owner says nothing). unsent: due and not claimed. Counts by partial indexes; not a hot path.';
