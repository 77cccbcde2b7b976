-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.my_pass(p_user_id bigint, p_lang text)
returns table (outcome text, label text, until timestamptz, until_text text, seg_left_day int, charge_state text) language plpgsql stable as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    e record;
    a record;
    v_pass billing.entitlement := billing.pass_of(p_user_id, v_now);
    v_state text;
    v_grace boolean := false;
begin
    select c.state into v_state from billing.charge c
    where coalesce(c.gift_by, c.user_id) = p_user_id and not c.superseded
      and c.state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED');
    select v_pass.plan_id, m.until, billing.local_text(p_user_id, m.until) as until_text into e
    from (select case when v_pass.user_id = p_user_id then billing.pass_until(p_user_id, v_now) else v_pass.ends_at end as until) m;
    select * into a from billing.allowance(p_user_id);
    if e.plan_id is null and v_state is null then
        select g.plan_id, g.until, billing.local_text(p_user_id, g.until) as until_text into e from billing.in_grace(p_user_id, v_now) g;
        v_grace := found;
    end if;
    return query
    select case when v_grace then 'grace' when e.plan_id is not null then 'active' when v_state is not null then 'pending' else 'none' end,
        coalesce((select coalesce(ops.named(p.names, p_lang), p.code) from billing.plan p where p.id = e.plan_id), ''),
        e.until, coalesce(e.until_text, ''), a.left_day, coalesce(v_state, '');
end $$;
comment on function billing.my_pass(bigint, text) is
'outcome: active (label, end of all passes bought, or of her family''s) | pending (a charge that she pays is open) | grace (label; until: how long the screen still opens books) | none. seg_left_day: segments of SMS left today; charge_state '''' when no charge is open.';

create or replace function billing.local_text(p_user_id bigint, p_at timestamptz) returns text language plpgsql stable as $$
begin
    return (select to_char(p_at at time zone coalesce(c.time_zone, 'UTC'), 'DD/MM HH24:MI')
            from auth.users u left join ops.country c on c.code = u.country where u.id = p_user_id);
end $$;
comment on function billing.local_text(bigint, timestamptz) is 'A time on the reader''s clock, short enough for a screen.';

create or replace function billing.allowance(p_user_id bigint)
returns table (plan_code text, segments int, left_day int, left_month int, today date) language plpgsql stable as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_today date;
    v_used_day int;
    v_used_month int;
    v_plan bigint;
begin
    select (v_now at time zone coalesce(c.time_zone, 'UTC'))::date into v_today
    from auth.users u left join ops.country c on c.code = u.country where u.id = p_user_id;
    select coalesce(sum(g.segments) filter (where g.day = v_today), 0), coalesce(sum(g.segments), 0)
    into v_used_day, v_used_month
    from messaging.usage g
    where g.user_id = p_user_id and g.day between date_trunc('month', v_today)::date and v_today;
    v_plan := (billing.pass_of(p_user_id, v_now)).plan_id;
    if v_plan is null then
        v_plan := (select c.plan_id from billing.charge c
                   where c.id = (select b.charge_id from billing.book_right b where b.user_id = p_user_id order by b.book_id limit 1));
    end if;
    return query
    select p.code, p.segments, greatest(p.seg_day - v_used_day, 0),
        greatest(least(p.seg_month - v_used_month, p.seg_day - v_used_day), 0), v_today
    from billing.plan p
    where p.id = coalesce(v_plan, (select f.id from billing.plan f where f.code = 'free'));
end $$;
comment on function billing.allowance(bigint) is
'Segments a reader may still receive: of the pass that runs now (of a family''s, each of its readers as many), else of the plan under which she bought a book, else of plan ''free''. left_month is never above left_day: it is what may be sent now.';
