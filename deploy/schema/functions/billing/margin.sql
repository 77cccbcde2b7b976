-- SPDX-License-Identifier: Apache-2.0
-- What a plan brings and what its SMS cost. A report: not a hot path, it reads whole days of messages.

create or replace function billing.segment_cost(p_account text, p_country text, p_network text) returns numeric language plpgsql stable as $$
begin
    return (select c.cost / 1000000.0 * ops.per_eur(k.currency) / ops.per_eur(c.currency) * 10 ^ k.exponent
            from messaging.cost_of(p_account, p_country, p_network) c, ops.country k where k.code = p_country);
end $$;
comment on function billing.segment_cost(text, text, text) is
'What one segment costs now, in minor units of the country''s currency; null when the price or a rate of exchange is unknown.';

create or replace function billing.margin(p_days int)
returns table (plan text, country text, currency text, passes bigint, revenue_minor bigint, segments bigint, unpriced bigint, cost_minor bigint,
               margin_minor bigint, price_minor bigint, full_cost_minor bigint, verdict text) language plpgsql stable as $$
#variable_conflict use_column
declare
    v_from timestamptz := ops.now() - make_interval(days => greatest(p_days, 1));
begin
    return query
    with sold as (
        select c.plan_id, u.country, count(*) as passes, sum(c.amount_minor - billing.tva_of(c.amount_minor, k.tva_permille)) as revenue
        from billing.charge c join auth.users u on u.id = c.user_id join ops.country k on k.code = u.country
        where c.settlement = 'granted' and c.ended_at >= v_from group by 1, 2
    ), sent as (
        select coalesce(e.plan_id, h.plan_id, f.id) as plan_id, i.country, i.network, m.account, sum(greatest(m.parts, m.segments, 1)) as segments
        from messaging.message m
        join auth.identity i on i.id = m.identity_id
        cross join (select p.id from billing.plan p where p.code = 'free') f
        left join lateral (select n.plan_id from billing.entitlement n
                           where n.user_id = m.user_id and n.starts_at <= m.created_at and n.ends_at > m.created_at limit 1) e on true
        left join lateral (select n.plan_id from billing.family_member b
                           join billing.entitlement n on n.user_id = b.host_id and n.starts_at <= m.created_at and n.ends_at > m.created_at
                           join billing.plan x on x.id = n.plan_id and x.members >= b.seat
                           where b.user_id = m.user_id and b.joined_at <= m.created_at and coalesce(b.ended_at, 'infinity') > m.created_at
                           limit 1) h on true
        where m.id >= messaging.first_since(v_from) and m.created_at >= v_from and m.state in ('accepted', 'delivered', 'partial', 'unknown')
        group by 1, 2, 3, 4
    ), priced as (
        select s.plan_id, s.country, s.segments, billing.segment_cost(s.account, s.country, s.network) as cost from sent s
    ), spent as (
        select s.plan_id, s.country, sum(s.segments) as segments, sum(s.segments) filter (where s.cost is null) as unpriced,
            sum(s.segments * s.cost) as cost
        from priced s group by 1, 2
    ), offered as (
        select distinct on (r.plan_id, r.country) r.plan_id, r.country, r.amount_minor - billing.tva_of(r.amount_minor, k.tva_permille) as price
        from billing.price r join ops.country k on k.code = r.country
        where r.valid_from <= ops.now() order by r.plan_id, r.country, r.valid_from desc
    ), lines as (
        select p.code, k.code as country, k.currency, coalesce(o.passes, 0) as passes, coalesce(o.revenue, 0) as revenue,
            coalesce(s.segments, 0) as segments, coalesce(s.unpriced, 0) as unpriced, coalesce(s.cost, 0) as cost, f.price,
            (1 + p.members) * least(p.seg_month, p.seg_day * p.period_count * case p.period_unit when 'day' then 1 when 'week' then 7 else 31 end)
                * billing.segment_cost(messaging.account_for(k.code, '*'), k.code, '*') as full_cost
        from billing.plan p cross join ops.country k
        left join sold o on o.plan_id = p.id and o.country = k.code
        left join spent s on s.plan_id = p.id and s.country = k.code
        left join offered f on f.plan_id = p.id and f.country = k.code
        where o.passes is not null or s.segments is not null or f.price is not null)
    select l.code, l.country::text, l.currency::text, l.passes, l.revenue::bigint, l.segments::bigint, l.unpriced::bigint, ceil(l.cost)::bigint,
        (l.revenue - ceil(l.cost))::bigint, l.price::bigint, ceil(l.full_cost)::bigint,
        case when l.code = 'free' then 'free' when l.revenue < ceil(l.cost) then 'loses'
             when l.full_cost > l.price then 'loses at full use' when l.unpriced > 0 then 'unpriced' else 'ok' end
    from lines l order by l.code, l.country;
end $$;
comment on function billing.margin(int) is
'Per plan and country over some days: passes granted and their revenue without VAT, segments that carriers took and their cost at today''s prices, the margin, all in minor units; price of a pass without VAT beside the cost of its whole allowance, of all who may read under it. unpriced: segments without a known price, which count as nothing.
verdict: loses | loses at full use | unpriced | ok | free (the plan nobody pays for).';

create or replace function billing.margin_alert(p_days int) returns int language plpgsql as $$
declare
    v record;
    v_n int := 0;
begin
    for v in select * from billing.margin(p_days) m where m.verdict = 'loses' loop
        perform ops.audit_put('billing', 'alert.plan_loses', 'plan:' || v.plan || ':' || v.country, jsonb_build_object(
            'days', p_days, 'revenue', v.revenue_minor, 'cost', v.cost_minor, 'currency', v.currency));
        v_n := v_n + 1;
    end loop;
    return v_n;
end $$;
comment on function billing.margin_alert(int) is 'An alert for each plan and country that cost more than it brought. Daily by the scheduler, and by coko margin. Returns how many.';
