-- SPDX-License-Identifier: Apache-2.0
-- What carriers are told about their traffic: usage by day, one dialogue hop by hop.

create or replace function ops.carrier_hops(p_from date, p_to date)
returns table (day date, carrier text, sessions int, ended int, dropped int, failed int, hops int, ms_half int, ms_most int)
language sql stable as $$
    select (h.at at time zone 'UTC')::date, h.carrier, (count(*) filter (where h.kind = 'begin'))::int, (count(*) filter (where h.ended))::int,
        (count(*) filter (where h.kind in ('abort', 'timeout')))::int, (count(*) filter (where h.kind = 'failed'))::int, count(*)::int,
        percentile_disc(0.5) within group (order by h.ms), max(h.ms)
    from ops.hop h
    where h.at >= p_from::timestamp at time zone 'UTC' and h.at < p_to::timestamp at time zone 'UTC'
    group by 1, 2
$$;
comment on function ops.carrier_hops(date, date) is 'A row a carrier and day (UTC) from the log of hops, p_to not included. A report: reads the days'' partitions.';

create or replace function ops.carrier_days_keep() returns int language plpgsql as $$
declare
    v_n int;
begin
    -- An hour after midnight the last hops of a day are written.
    insert into ops.carrier_day (day, carrier, sessions, ended, dropped, failed, hops, ms_half, ms_most)
    select h.day, h.carrier, h.sessions, h.ended, h.dropped, h.failed, h.hops, h.ms_half, h.ms_most
    from ops.carrier_hops(coalesce((select max(d.day) + 1 from ops.carrier_day d), '2000-01-01'),
                          ((ops.now() - interval '1 hour') at time zone 'UTC')::date) h
    on conflict do nothing;
    get diagnostics v_n = row_count;
    return v_n;
end $$;
comment on function ops.carrier_days_keep() is 'Keeps the figures of each day that is over, from the last one kept on. Returns how many rows.';

create or replace function ops.carrier_usage(p_month date)
returns table (day date, carrier text, sessions int, ended int, dropped int, failed int, hops int, ms_half int, ms_most int)
language sql stable as $$
    with span as (select date_trunc('month', p_month)::date as first, (date_trunc('month', p_month) + interval '1 month')::date as next,
                         coalesce((select max(k.day) + 1 from ops.carrier_day k), '2000-01-01') as fresh)
    select d.day, d.carrier, d.sessions, d.ended, d.dropped, d.failed, d.hops, d.ms_half, d.ms_most
    from span s join ops.carrier_day d on d.day >= s.first and d.day < s.next
    union all
    select h.day, h.carrier, h.sessions, h.ended, h.dropped, h.failed, h.hops, h.ms_half, h.ms_most
    from span s, lateral ops.carrier_hops(greatest(s.first, s.fresh), s.next) h
    order by 1, 2
$$;
comment on function ops.carrier_usage(date) is 'The days (UTC) of the month that p_month lies in: what was kept, and from the log of hops what was not yet.';

create or replace function ops.hop_trace(p_carrier text, p_at timestamptz)
returns table (session text, ms int, n int, kind text, from_screen text, screen text, ended boolean, ours_ms int, country text, lang text, began timestamptz)
language sql stable as $$
    with one as (
        select h.session, h.at from ops.hop h
        where h.carrier = p_carrier and h.at <= p_at and h.at > p_at - interval '1 day' order by h.at desc, h.n desc limit 1)
    select encode(h.session, 'hex'), (extract(epoch from h.at - min(h.at) over w) * 1000)::int, h.n, h.kind, h.from_screen, h.screen, h.ended, h.ms,
        h.country, h.lang, min(h.at) over w
    from one o join ops.hop h on h.session = o.session and h.at > o.at - interval '1 hour' and h.at < o.at + interval '1 hour'
    window w as (partition by h.session) order by h.at, h.n
$$;
comment on function ops.hop_trace(text, timestamptz) is
'The hops of the last dialogue of a carrier that had one at p_at or in the day before it; ms since its first hop. The log has no number, no identity and nothing that was typed.';
