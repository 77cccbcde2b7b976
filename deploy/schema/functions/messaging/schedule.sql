-- SPDX-License-Identifier: Apache-2.0
-- Pacing: reading that comes every day by itself.

create or replace function messaging.next_slot(p_user_id bigint, p_slots time[], p_after timestamptz) returns timestamptz language plpgsql stable as $$
declare
    v_zone text := coalesce((select c.time_zone from auth.users u join ops.country c on c.code = u.country where u.id = p_user_id), 'UTC');
    v_today date := (p_after at time zone v_zone)::date;
begin
    return (select min((v_today + d + s) at time zone v_zone) from unnest(p_slots) s, generate_series(0, 2) d
            where (v_today + d + s) at time zone v_zone > p_after);
end $$;
comment on function messaging.next_slot(bigint, time[], timestamptz) is 'The first slot after a moment, on the clock of the reader''s country.';

create or replace function messaging.daily_slots(p_country text) returns table (morning time, evening time) language sql stable as $$
    select case when messaging.quiet_at(q, '07:00') then q.quiet_to else '07:00' end,
        case when messaging.quiet_at(q, '19:00') then q.quiet_from - interval '1 hour' else '19:00' end
    from (values (p_country)) c(code) left join messaging.quiet_hours q on q.country = c.code
$$;
comment on function messaging.daily_slots(text) is
'The hours that a country''s readers are offered: 07:00 and 19:00 or, when that is quiet there, the first hour of the day that is not and one hour before the last.';

create or replace function messaging.set_schedule(p_user_id bigint, p_identity_id bigint, p_want text, p_step_key text, p_way text)
returns table (outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'schedule');
    v_slots time[];
    i auth.identity;
begin
    if v is null then
        select * into i from auth.identity where id = p_identity_id and user_id = p_user_id and gone_at is null;
        select case p_want when 'am' then array[d.morning] when 'both' then array[d.morning, d.evening] end into v_slots
        from messaging.daily_slots(i.country) d;
        if p_want is null or p_want not in ('off', 'am', 'both') or i.id is null then
            v := '{"outcome": "unknown"}';
        elsif v_slots is not null and i.stopped_at is not null then
            v := '{"outcome": "stopped"}';
        elsif v_slots is null then
            delete from messaging.schedule where user_id = p_user_id;
            v := '{"outcome": "off"}';
        else
            insert into messaging.schedule as s (user_id, identity_id, slots, next_at)
            values (p_user_id, p_identity_id, v_slots, messaging.next_slot(p_user_id, v_slots, ops.now()))
            on conflict (user_id) do update set identity_id = excluded.identity_id, slots = excluded.slots, next_at = excluded.next_at;
            v := '{"outcome": "ok"}';
        end if;
        if v->>'outcome' in ('ok', 'off') then
            perform auth.consent_put(p_identity_id, 'schedule', p_way, 'daily_' || p_want, p_step_key);
        end if;
        perform ops.step_end(p_step_key, 'schedule', v);
    end if;
    return query select v->>'outcome';
end $$;
comment on function messaging.set_schedule(bigint, bigint, text, text, text) is
'want: off | am | both, at the hours of messaging.daily_slots. outcome: ok | off | stopped (STOP stands) | unknown. Idempotent by step (S2).';

create or replace function messaging.run_schedule(p_max int) returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    s messaging.schedule;
    v jsonb;
    v_n int := 0;
begin
    for s in select * from messaging.schedule where next_at <= v_now order by next_at, user_id limit greatest(p_max, 0)
             for update skip locked loop
        v_n := v_n + 1;
        update messaging.schedule set next_at = messaging.next_slot(s.user_id, s.slots, v_now) where user_id = s.user_id;
        perform messaging.pause_failing(array[s.identity_id]);
        continue when s.next_at < v_now - interval '3 hours'
            or exists (select 1 from auth.identity i where i.id = s.identity_id and (i.stopped_at is not null or i.paused_at is not null))
            or (billing.pass_of(s.user_id, v_now)).id is null;
        v := messaging.instalment_once(s.user_id, s.identity_id, null);
        if v->>'outcome' = 'queued' then
            perform messaging.quiet_fit(array[(v->>'message_id')::bigint]);
        elsif v->>'outcome' = 'end' then
            delete from messaging.schedule where user_id = s.user_id;
        end if;
    end loop;
    return v_n;
end $$;
comment on function messaging.run_schedule(int) is
'The instalments of the slots that are due, at most max readers; how many it looked at. Nothing to who said STOP or PAUSE, is paused for failures, or has no pass; a slot missed by 3 hours is left out; the end of the book ends the schedule. Runs twice without harm: a slot is consumed in the transaction that sends.';
