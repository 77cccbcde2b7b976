-- SPDX-License-Identifier: Apache-2.0
-- Push to renew: the end of a pass is spoken of before and after it, at decent hours, and nothing is debited without a yes.

create or replace function billing.step_fits(p_pass billing.entitlement, p_days int) returns boolean language sql immutable as $$
    select p_pass.ends_at - p_pass.starts_at > make_interval(days => case when p_days < 0 then -2 * p_days else p_days end)
$$;
comment on function billing.step_fits(billing.entitlement, int) is
'Is a pass long enough to be spoken of so many days from its end (before it: less than 0)? A day''s pass is not reminded three days before.';

create or replace function billing.next_reminder(p_pass billing.entitlement, p_after timestamptz) returns timestamptz language plpgsql stable as $$
begin
    return (select min(p_pass.ends_at + make_interval(days => s.days)) from billing.reminder_step s
            where p_pass.ends_at + make_interval(days => s.days) > p_after
              and billing.step_fits(p_pass, s.days));
end $$;
comment on function billing.next_reminder(billing.entitlement, timestamptz) is 'When the end of a pass is next spoken of after a moment, by billing.reminder_step; null: no more.';

create or replace function billing.decent_hour(p_country text, p_at timestamptz) returns timestamptz language plpgsql stable as $$
declare
    v_zone text := coalesce((select c.time_zone from ops.country c where c.code = p_country), 'UTC');
    v_local timestamp := p_at at time zone v_zone;
begin
    return case when v_local::time < '08:00' then (v_local::date + time '08:00') at time zone v_zone
                when v_local::time >= '20:00' then (v_local::date + 1 + time '08:00') at time zone v_zone
                else p_at end;
end $$;
comment on function billing.decent_hour(text, timestamptz) is 'The moment itself between 8 and 20 h on a country''s clock, else the next 8 h.';

create or replace function billing.not_reminded(p_pass billing.entitlement, p_identity auth.identity, p_now timestamptz) returns boolean
language plpgsql stable as $$
begin
    return p_pass.remind_at is null or p_pass.cancelled_at is not null or p_pass.given_back or p_identity.id is null
        or p_identity.stopped_at is not null or p_identity.paused_at is not null
        or exists (select 1 from billing.entitlement o where o.user_id = p_pass.user_id and o.ends_at > p_pass.ends_at)
        or exists (select 1 from billing.charge c join billing.refusal r on r.reason = c.reason
                   where c.user_id = p_pass.user_id and c.state = 'FAILED' and c.created_at > p_pass.ends_at - interval '4 days'
                     and c.created_at > p_pass.created_at and c.created_at <= p_now);
end $$;
comment on function billing.not_reminded(billing.entitlement, auth.identity, timestamptz) is
'Who hears nothing of the end of a pass any more: she cancelled, said STOP or PAUSE, has a later pass, got her money back, or said no to a payment since the end came near.';

create or replace function billing.morning_share(p_user_id bigint, p_morning timestamptz) returns interval language sql immutable as $$
    select make_interval(secs => abs(hashint8(p_user_id + extract(epoch from p_morning)::bigint)::bigint) % 3600)
$$;
comment on function billing.morning_share(bigint, timestamptz) is
'How long after the first decent moment of a day a reader whose reminder waited for it hears it: within the hour, by a hash of her and the day, so that a night''s reminders are no crowd at eight.';

create or replace function billing.reminder_slot(p_identity auth.identity, p_now timestamptz) returns timestamptz language plpgsql as $$
declare
    v_lanes text[] := array['account:' || coalesce(messaging.account_for(p_identity.country, p_identity.network), '-'),
                            'rail:' || coalesce(billing.rail_of(p_identity), '-')];
    v_slot timestamptz;
begin
    insert into billing.reminder_pace (lane) select unnest(v_lanes) on conflict (lane) do nothing;
    select greatest(p_now, max(p.free_at)) into v_slot from billing.reminder_pace p where p.lane = any (v_lanes);
    if billing.decent_hour(p_identity.country, v_slot) > v_slot then
        return null;
    end if;
    update billing.reminder_pace p
    set free_at = v_slot + interval '1 minute' / coalesce(p.a_minute, (select d.a_minute from billing.reminder_pace d where d.lane = '*'))
    where p.lane = any (v_lanes);
    return v_slot;
end $$;
comment on function billing.reminder_slot(auth.identity, timestamptz) is
'The first moment that is free both in the lane of the account that sends to a phone and in that of the rail that it would pay by; it is taken. Null: none is left on this day (nothing is taken). Only its caller''s lock of lane ''*'' keeps two from the same one.';

create or replace function billing.remind_later(p_pass billing.entitlement, p_identity auth.identity, p_now timestamptz) returns boolean
language plpgsql as $$
declare
    v_slot timestamptz;
    v_morning timestamptz;
begin
    if p_pass.remind_place > p_now - interval '1 minute' then
        return false;
    end if;
    v_slot := billing.reminder_slot(p_identity, p_now);
    if v_slot <= p_now + interval '10 seconds' then
        return false;
    end if;
    if v_slot is null then
        v_morning := billing.decent_hour(p_identity.country, p_now + interval '12 hours');
    end if;
    update billing.entitlement
    set remind_place = v_slot, remind_at = coalesce(v_slot, v_morning + billing.morning_share(p_pass.user_id, v_morning))
    where id = p_pass.id;
    return true;
end $$;
comment on function billing.remind_later(billing.entitlement, auth.identity, timestamptz) is
'Whether a reminder that is due has to wait, and then its moment is set: its place in the lanes or, when the day is full, the next morning. A place that nobody came to for a minute is asked for again. What may go within ten seconds goes now: the job looks no oftener.';

create or replace function billing.remind_due(p_pass billing.entitlement, p_now timestamptz) returns void language plpgsql as $$
declare
    i auth.identity;
    s billing.reminder_step;
    v_decent timestamptz;
begin
    select * into i from auth.identity x where x.user_id = p_pass.user_id and x.kind = 'phone' and x.gone_at is null
    order by x.last_seen_at desc, x.id limit 1;
    v_decent := billing.decent_hour(i.country, p_now);
    if billing.not_reminded(p_pass, i, p_now) then
        update billing.entitlement set remind_at = null, remind_place = null where id = p_pass.id;
    elsif v_decent > p_now then
        update billing.entitlement set remind_at = v_decent + billing.morning_share(p_pass.user_id, v_decent), remind_place = null
        where id = p_pass.id;
    elsif not billing.remind_later(p_pass, i, p_now) then
        -- The last step that is due; one that is a day late is left out, and two are never said at once.
        select x.* into s from billing.reminder_step x
        where p_pass.ends_at + make_interval(days => x.days) <= p_now
          and p_pass.ends_at + make_interval(days => x.days) > p_now - interval '1 day'
          and billing.step_fits(p_pass, x.days)
        order by x.days desc limit 1;
        if found then
            perform billing.remind(p_pass, i, s.template, s.days);
        end if;
        update billing.entitlement set remind_at = billing.next_reminder(p_pass, p_now), remind_place = null where id = p_pass.id;
    end if;
end $$;
comment on function billing.remind_due(billing.entitlement, timestamptz) is
'A pass whose reminder is due, its row locked: said and the next one set, put off to the morning or to its place, or never again.';

create or replace function billing.run_reminders(p_max int) returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    e billing.entitlement;
    v_n int := 0;
begin
    perform 1 from billing.reminder_pace where lane = '*' for update;
    -- Who has a place comes first: a crowd that still waits for its own must not make those late.
    for e in select * from billing.entitlement x where x.remind_place <= v_now order by x.remind_place, x.id limit greatest(p_max, 0)
             for update skip locked loop
        v_n := v_n + 1;
        perform billing.remind_due(e, v_now);
    end loop;
    for e in select * from billing.entitlement x where x.remind_at <= v_now order by x.remind_at, x.id limit greatest(p_max - v_n, 0)
             for update skip locked loop
        v_n := v_n + 1;
        perform billing.remind_due(e, v_now);
    end loop;
    return v_n;
end $$;
comment on function billing.run_reminders(int) is
'The reminders that are due, at most max passes; how many it looked at. Runs twice without harm: remind_at moves in the transaction that sends. Between 8 and 20 h of the reader''s country; what waited for the morning is said in its first hour, unless the next step has come.
Never more a minute than billing.reminder_pace: who comes when that is used up gets a place, in the order of falling due, and is looked at again then (hard case 35).';

create or replace function billing.remind(p_pass billing.entitlement, p_identity auth.identity, p_template text, p_days int) returns void
language plpgsql as $$
declare
    v_lang text := (select u.lang from auth.users u where u.id = p_pass.user_id);
    v_plan record;
begin
    select n.plan_id, coalesce(ops.named(pl.names, v_lang), pl.code) as label, billing.money_text(p.amount_minor, p.currency) as amount into v_plan
    from billing.renewal_plan(p_pass.user_id) n
    join billing.plan pl on pl.id = n.plan_id
    join billing.price p on p.id = billing.price_of(p_pass.user_id, n.plan_id)
    where not exists (select 1 from billing.mandate m where m.user_id = p_pass.user_id and m.state = 'ACTIVE');
    if not found then
        return;
    end if;
    perform messaging.enqueue(p_identity.id, 'notice', v_lang, p_template, jsonb_build_object(
        'plan', v_plan.label, 'amount', v_plan.amount, 'until', billing.local_text(p_pass.user_id, p_pass.ends_at),
        'dial', messaging.dial_code_of(p_identity.country)),
        'remind:' || p_pass.id || ':' || p_days);
end $$;
comment on function billing.remind(billing.entitlement, auth.identity, text, int) is
'One reminder, as a notice (STOP and quiet hours hold): the plan that would be renewed, at the price that this reader would pay. None where nothing can be renewed, nor of a pass that renews itself (billing.run_renewals tells of that).';

create or replace function billing.renewal_plan(p_user_id bigint) returns table (plan_id bigint, price_id bigint) language plpgsql stable as $$
#variable_conflict use_column
begin
    return query
    select r.plan_id, billing.price_of(p_user_id, r.plan_id)
    from (select case when pl.kind = 'pass' and billing.plan_for(pl, p_user_id) then pl.id else (
                     select o.plan_id from billing.offers(p_user_id, 'fr') o order by o.amount_minor limit 1) end as plan_id
          from billing.entitlement e join billing.plan pl on pl.id = e.plan_id
          where e.user_id = p_user_id and e.ends_at > ops.now() - interval '30 days'
          order by e.ends_at desc limit 1) r
    where r.plan_id is not null;
end $$;
comment on function billing.renewal_plan(bigint) is
'What a reader would renew: the plan of her last pass of the last 30 days, and its price for her; after a trial, or a plan that is no longer sold, the cheapest pass. No row: nothing to renew.';

create or replace function billing.cancel_renewal(p_user_id bigint, p_identity_id bigint, p_step_key text, p_way text)
returns table (outcome text, until_text text, message_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'cancel_renewal');
    v_now timestamptz := ops.now();
    e billing.entitlement;
    v_lang text;
    v_until text;
    v_message bigint;
    v_ended boolean;
begin
    if v is null then
        select u.lang into v_lang from auth.users u where u.id = p_user_id for no key update;
        select * into e from billing.entitlement x where x.user_id = p_user_id and (x.ends_at > v_now or x.remind_at is not null)
        order by x.ends_at desc limit 1;
        v_until := billing.local_text(p_user_id, e.ends_at);
        v_ended := billing.mandate_end(p_user_id, 'cancelled by ' || p_way);
        if e.id is null and v_ended then
            select m.message_id into v_message from messaging.enqueue(p_identity_id, 'reply', v_lang, 'auto_off', '{}', null) m;
            v := jsonb_build_object('outcome', 'cancelled', 'until_text', '', 'message_id', v_message);
        elsif e.id is null then
            v := '{"outcome": "none", "until_text": ""}';
        elsif e.cancelled_at is not null then
            v := jsonb_build_object('outcome', 'already', 'until_text', v_until);
        else
            update billing.entitlement x set cancelled_at = v_now, remind_at = null where x.user_id = p_user_id and x.ends_at >= e.ends_at;
            perform auth.consent_put(p_identity_id, 'cancel', p_way, 'cancel_done', p_step_key);
            select m.message_id into v_message from messaging.enqueue(p_identity_id, 'reply', v_lang, 'cancel_done',
                jsonb_build_object('until', v_until), 'cancel:' || e.id) m;
            v := jsonb_build_object('outcome', 'cancelled', 'until_text', v_until, 'message_id', v_message);
        end if;
        perform ops.step_end(p_step_key, 'cancel_renewal', v);
    end if;
    return query select r.* from jsonb_to_record(v) as r(outcome text, until_text text, message_id bigint);
end $$;
comment on function billing.cancel_renewal(bigint, bigint, text, text) is
'The reader wants no next period: nothing reminds her of it any more, a mandate is over, and what she paid stays to its end. outcome: cancelled | already | none (no pass). Idempotent. way: sms | ussd | rest.';
