-- SPDX-License-Identifier: Apache-2.0
-- The log of hops: written in batches by the workers, kept for some days, read as figures.

create or replace function ops.hops_put(p_hops jsonb) returns int language plpgsql as $$
declare
    v_n int;
begin
    -- Nobody waits for these rows, and the last of them may be lost with the machine.
    perform set_config('synchronous_commit', 'off', true);
    insert into ops.hop (at, session, n, carrier, country, lang, from_screen, screen, kind, ended, ms)
    select to_timestamp(h.at / 1e6) + c.shift, decode(h.session, 'hex'), h.n, h.carrier, h.country, h.lang, h."from", h.screen, h.kind,
        h.ended, h.ms
    from jsonb_to_recordset(p_hops) as h(at bigint, session text, n int, carrier text, country text, lang text, "from" text, screen text,
                                         kind text, ended boolean, ms int)
    cross join ops.clock c
    on conflict do nothing;
    get diagnostics v_n = row_count;
    return v_n;
end $$;
comment on function ops.hops_put(jsonb) is
'A batch of hops, an array of objects; at in microseconds of the worker''s clock. A batch that was written already adds nothing, so one of unknown fate may be sent again. Returns how many were new.';

create or replace function ops.hop_days(p_keep int) returns int language plpgsql as $$
declare
    v_today date := ops.now()::date;
    v_first date := v_today - greatest(p_keep, 1);
    v_n int := 0;
begin
    perform set_config('lock_timeout', '2s', true);
    for i in 0 .. 2 loop
        v_n := v_n + ops.partition_make('ops.hop', 'at', v_today + i, '1 day');
    end loop;
    perform ops.carrier_days_keep();
    v_n := v_n + ops.partitions_drop('ops.hop', v_first);
    delete from ops.hop_other o where o.at < v_first;
    return v_n;
end $$;
comment on function ops.hop_days(int) is
'A daily job: makes the partitions of today and the next two days, keeps the carriers'' figures of the days that are over, drops those of more than p_keep days ago. A day whose rows already stand in the default partition keeps them there, and they go by row. Gives up after 2 s behind a reader and comes back. Returns how many it made or dropped.';

create or replace function ops.hop_sessions(p_from timestamptz, p_to timestamptz)
returns table (session bytea, first_at timestamptz, last_screen text, hops int, fate text) language sql stable as $$
    select s.session, s.first_at, coalesce(s.screens[1], ''), s.hops,
        case when s.ended then 'ended' when s.gone or s.last_at <= ops.now() - interval '10 minutes' then 'dropped' else 'open' end
    from (select h.session, min(h.at) as first_at, max(h.at) as last_at, count(*)::int as hops, bool_or(h.ended) as ended,
                 bool_or(h.kind in ('abort', 'timeout', 'failed')) as gone,
                 array_agg(h.screen order by h.at desc, h.n desc) filter (where h.screen <> '') as screens
          from ops.hop h
          where h.at >= p_from and h.at < p_to + interval '1 hour'
          group by h.session) s
    where s.first_at < p_to
$$;
comment on function ops.hop_sessions(timestamptz, timestamptz) is
'Dialogues that began in a span of time (or before it, and went on in it). fate: ended (the last words were said) | dropped (the subscriber or the network closed it, we failed, or nothing came for ten minutes, which is how long a session is kept) | open.';

create or replace function ops.screen_stats(p_from timestamptz, p_to timestamptz)
returns table (screen text, entered bigint, answered bigint, invalid bigint, back bigint, dropped bigint, ms int) language sql stable as $$
    with hops as (select h.* from ops.hop h where h.at >= p_from and h.at < p_to),
    shown as (
        select h.screen, count(*) filter (where h.kind = 'begin' or h.from_screen <> h.screen and h.kind in ('answered', 'back')) as entered,
            (percentile_disc(0.5) within group (order by h.ms))::int as ms
        from hops h where h.screen <> '' group by h.screen),
    left_ as (
        select h.from_screen as screen, count(*) filter (where h.kind = 'answered') as answered,
            count(*) filter (where h.kind = 'invalid') as invalid, count(*) filter (where h.kind = 'back') as back
        from hops h where h.from_screen <> '' group by h.from_screen),
    lost as (
        select s.last_screen as screen, count(*) as dropped from ops.hop_sessions(p_from, p_to) s
        where s.fate = 'dropped' and s.last_screen <> '' group by s.last_screen)
    select n.screen, coalesce(s.entered, 0), coalesce(l.answered, 0), coalesce(l.invalid, 0), coalesce(l.back, 0), coalesce(d.dropped, 0),
        coalesce(s.ms, 0)
    from (select screen from shown union select screen from left_ union select screen from lost) n
    left join shown s on s.screen = n.screen
    left join left_ l on l.screen = n.screen
    left join lost d on d.screen = n.screen
    order by 2 desc, 1
$$;
comment on function ops.screen_stats(timestamptz, timestamptz) is
'Per screen: entered from elsewhere (turning its pages is no entry), answers taken, answers refused, back or home, dialogues that were lost there, median of our milliseconds. A report: reads the days'' partitions.';

create or replace function ops.screen_steps(p_from timestamptz, p_to timestamptz)
returns table (from_screen text, screen text, times bigint) language sql stable as $$
    select h.from_screen, h.screen, count(*) from ops.hop h
    where h.at >= p_from and h.at < p_to and h.screen <> '' and h.screen <> h.from_screen and h.kind in ('begin', 'answered')
    group by h.from_screen, h.screen order by 3 desc, 1, 2
$$;
comment on function ops.screen_steps(timestamptz, timestamptz) is 'How often readers went from one screen to the next by an answer; from '''' by dialling.';

create or replace function ops.funnel(p_from timestamptz, p_to timestamptz)
returns table (no int, name text, sessions bigint, of_all numeric, of_last numeric) language sql stable as $$
    with began as (select distinct h.session from ops.hop h where h.at >= p_from and h.at < p_to and h.kind = 'begin'),
    seen as (
        select distinct h.session, h.screen from ops.hop h join began b on b.session = h.session
        where h.at >= p_from and h.at < p_to + interval '1 hour' and h.screen <> ''),
    reached as (
        select f.no, f.name, case when cardinality(f.screens) = 0 then (select count(*) from began)
                                  else (select count(distinct s.session) from seen s where s.screen = any (f.screens)) end as sessions
        from ops.funnel_step f
        union all
        select (select max(f.no) + 1 from ops.funnel_step f), 'paid',
            (select count(*) from billing.charge c
             where c.channel = 'ussd' and c.settlement = 'granted' and c.created_at >= p_from and c.created_at < p_to))
    select r.no, r.name, r.sessions, round(100.0 * r.sessions / nullif(first_value(r.sessions) over w, 0), 1),
        round(100.0 * r.sessions / nullif(lag(r.sessions) over w, 0), 1)
    from reached r window w as (order by r.no) order by r.no
$$;
comment on function ops.funnel(timestamptz, timestamptz) is
'From the dial to the purchase: dialogues that reached each step of ops.funnel_step at all, then passes that were granted for charges of this channel; in percent of the dials and of the step before. A report.';
