-- SPDX-License-Identifier: Apache-2.0
-- How a right comes to be: the period of a pass after the others, or in place of a lesser one.

create or replace function billing.plan_days(p_plan billing.plan, p_from timestamptz, p_zone text) returns int language plpgsql stable as $$
begin
    return round(extract(epoch from billing.add_period(p_from, p_plan.period_unit, p_plan.period_count,
                                                       extract(day from p_from at time zone p_zone)::int, p_zone) - p_from) / 86400);
end $$;
comment on function billing.plan_days(billing.plan, timestamptz, text) is 'Days of one period of a plan that begins at a moment.';

create or replace function billing.taken_over(p_user_id bigint, p_plan_id bigint)
returns table (plan_id bigint, days int, plan_days int, worth_minor bigint) language plpgsql stable as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    pl billing.plan;
    v_zone text;
    v_price bigint;
begin
    select * into pl from billing.plan where id = p_plan_id;
    select k.time_zone into v_zone from auth.users u join ops.country k on k.code = u.country where u.id = p_user_id;
    select p.amount_minor into v_price from billing.price p where p.id = billing.price_of(p_user_id, p_plan_id);
    return query
    select min(x.plan_id), sum(x.days)::int,
        coalesce(floor(sum(x.worth) * billing.plan_days(pl, v_now, v_zone) / nullif(v_price, 0)), 0)::int, floor(sum(x.worth))::bigint
    from (select e.plan_id, d.days, e.worth_minor * d.days / greatest(round(extract(epoch from e.ends_at - e.starts_at) / 86400), 1) as worth
          from billing.entitlement e
          join billing.plan o on o.id = e.plan_id and o.level < pl.level
          cross join lateral (select floor(extract(epoch from e.ends_at - greatest(e.starts_at, v_now)) / 86400) as days) d
          where e.user_id = p_user_id and e.ends_at > v_now) x
    having count(*) > 0;
end $$;
comment on function billing.taken_over(bigint, bigint) is
'What a better plan would take over of the lesser passes that run or wait: one of their plans, their whole unused days, the days of the new plan that these are worth (floor, once, over all of them), and the money in them. No row: there is none. No cash goes back.';

create or replace function billing.grant_pass(p_user_id bigint, p_plan_id bigint, p_origin text, p_charge_id bigint, p_voucher bytea, p_worth bigint)
returns billing.entitlement language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    h record;
    o record;
    e billing.entitlement;
    v_plan_days int := 0;
    v_worth bigint := 0;
begin
    -- The plan, and what of hers still runs or waits: one look, for most have nothing.
    select p.code, p.level, p.period_unit, p.period_count, k.time_zone, x.* into h
    from auth.users u join ops.country k on k.code = u.country join billing.plan p on p.id = p_plan_id
    cross join lateral (
        select max(n.ends_at) as until, bool_or(l.level < p.level) as lesser
        from billing.entitlement n join billing.plan l on l.id = n.plan_id where n.user_id = u.id and n.ends_at > v_now) x
    where u.id = p_user_id;
    if h.lesser then
        select * into o from billing.taken_over(p_user_id, p_plan_id);
        v_plan_days := o.plan_days;
        v_worth := o.worth_minor;
        perform ops.audit_put('user:' || p_user_id, 'pass.taken_over', 'plan:' || h.code,
            jsonb_build_object('days', o.days, 'plan_days', o.plan_days, 'passes', (
                select jsonb_agg(jsonb_build_object('id', x.id, 'charge', x.charge_id, 'from', x.starts_at, 'to', x.ends_at))
                from billing.entitlement x join billing.plan l on l.id = x.plan_id and l.level < h.level
                where x.user_id = p_user_id and x.ends_at > v_now)));
        delete from billing.entitlement x using billing.plan l
        where x.user_id = p_user_id and x.starts_at >= v_now and l.id = x.plan_id and l.level < h.level;
        update billing.entitlement x set ends_at = v_now, remind_at = null from billing.plan l
        where x.user_id = p_user_id and x.ends_at > v_now and l.id = x.plan_id and l.level < h.level;
        select max(x.ends_at) into h.until from billing.entitlement x where x.user_id = p_user_id and x.ends_at > v_now;
    end if;

    e.starts_at := greatest(h.until, v_now);
    e.anchor_day := extract(day from e.starts_at at time zone h.time_zone)::int;
    if h.until > v_now then
        e.anchor_day := coalesce((select x.anchor_day from billing.entitlement x
                                  where x.user_id = p_user_id and x.plan_id = p_plan_id and x.ends_at = e.starts_at limit 1), e.anchor_day);
    end if;
    e.ends_at := billing.add_period(e.starts_at, h.period_unit, h.period_count, e.anchor_day, h.time_zone)
        + make_interval(days => v_plan_days);
    update billing.entitlement set remind_at = null where user_id = p_user_id and remind_at is not null;
    insert into billing.entitlement (user_id, plan_id, charge_id, starts_at, ends_at, anchor_day, created_at, origin, voucher, worth_minor,
                                     remind_at)
    values (p_user_id, p_plan_id, p_charge_id, e.starts_at, e.ends_at, e.anchor_day, v_now, p_origin, p_voucher, p_worth + v_worth,
            billing.next_reminder(e, v_now))
    returning * into e;
    return e;
end $$;
comment on function billing.grant_pass(bigint, bigint, text, bigint, bytea, bigint) is
'A period of a plan for a reader whose row is locked: after all that she has (no lost hour), or at once in place of lesser passes, whose unused days become days of this one. origin: charge | trial | voucher; worth: what was paid for it. Only its own end is spoken of from now on.';
