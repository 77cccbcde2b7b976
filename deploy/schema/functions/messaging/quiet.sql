-- SPDX-License-Identifier: Apache-2.0
-- Quiet hours. "at time zone" decides what a wall clock means on the days it jumps.

create or replace function messaging.quiet_at(q messaging.quiet_hours, p_time time) returns boolean language sql immutable as $$
    select case when q.quiet_from > q.quiet_to then p_time >= q.quiet_from or p_time < q.quiet_to
                else coalesce(p_time >= q.quiet_from and p_time < q.quiet_to, false) end
$$;
comment on function messaging.quiet_at(messaging.quiet_hours, time) is 'Whether a country''s clock stands in its quiet hours, which may go over midnight; never for no row.';

create or replace function messaging.quiet_end(p_country text, p_at timestamptz) returns timestamptz language plpgsql stable as $$
declare
    q messaging.quiet_hours;
    v_local timestamp;
begin
    select * into q from messaging.quiet_hours where country = p_country;
    v_local := p_at at time zone q.time_zone;
    if not messaging.quiet_at(q, v_local::time) then
        return null;
    end if;
    return (v_local::date + case when q.quiet_from > q.quiet_to and v_local::time >= q.quiet_from then 1 else 0 end + q.quiet_to) at time zone q.time_zone;
end $$;
comment on function messaging.quiet_end(text, timestamptz) is 'The end of the quiet hours that run at this moment; null when none do.';

create or replace function messaging.quiet_begin(p_country text, p_at timestamptz) returns timestamptz language plpgsql stable as $$
declare
    q messaging.quiet_hours;
    v_local timestamp;
begin
    select * into q from messaging.quiet_hours where country = p_country;
    v_local := p_at at time zone q.time_zone;
    return (v_local::date + case when v_local::time >= q.quiet_from then 1 else 0 end + q.quiet_from) at time zone q.time_zone;
end $$;
comment on function messaging.quiet_begin(text, timestamptz) is 'When the next quiet hours begin; null where there are none.';

create or replace function messaging.quiet_fit(p_ids bigint[]) returns int language plpgsql as $$
declare
    m record;
    v_due timestamptz;
    v_n int := 0;
begin
    for m in select x.id, x.due_at, x.expires_at, i.country from messaging.message x join auth.identity i on i.id = x.identity_id
             where x.id = any (p_ids) and x.state = 'queued' order by x.id loop
        v_due := coalesce(messaging.quiet_end(m.country, m.due_at), m.due_at);
        update messaging.message x
        set unasked = true, due_at = v_due,
            expires_at = least(v_due + (m.expires_at - m.due_at), messaging.quiet_begin(m.country, v_due))
        where x.id = m.id;
        v_n := v_n + 1;
    end loop;
    return v_n;
end $$;
comment on function messaging.quiet_fit(bigint[]) is
'Messages that nobody asked for: due in quiet hours is due at their end, and their validity ends before the next ones begin, for us and for the carrier.';

create or replace function messaging.quiet_defer(p_ids bigint[], p_now timestamptz) returns int language plpgsql as $$
declare
    v_late bigint[];
begin
    with late as (
        update messaging.message m set due_at = p_now, expires_at = p_now + interval '12 hours'
        from auth.identity i
        where m.id = any (p_ids) and i.id = m.identity_id and m.unasked and m.state = 'queued' and m.expires_at <= p_now
          and m.created_at > p_now - interval '24 hours'
          and messaging.quiet_begin(i.country, m.expires_at - interval '1 s') = m.expires_at
        returning m.id)
    select array_agg(l.id) into v_late from late l;
    return messaging.quiet_fit(coalesce(v_late, '{}'));
end $$;
comment on function messaging.quiet_defer(bigint[], timestamptz) is
'What the quiet hours overtook in the queue, or in a retry, waits for their end instead of being lost (M1); a day after its birth it is over. Only an end that the quiet hours set: any other end is one.';
