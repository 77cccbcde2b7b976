-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.expire_unclaimed(p_max int) returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_ids bigint[];
    v_name text;
begin
    v_ids := array(select q.id from messaging.message q
                   where q.account is null and q.state = 'queued' and q.expires_at <= v_now
                   order by q.id limit p_max for no key update skip locked);
    for v_name in select a.name from messaging.account a order by 1 loop
        for v_prio in 0 .. 3 loop
            v_ids := v_ids || array(
                select q.id from messaging.message q
                where q.account = v_name and q.priority = v_prio and q.state = 'queued' and q.due_at <= v_now - interval '1 day'
                  and q.expires_at <= v_now - interval '1 day'
                order by q.account, q.priority, q.due_at, q.id limit p_max for no key update skip locked);
        end loop;
    end loop;
    if cardinality(v_ids) = 0 then
        return 0;
    end if;
    perform messaging.quiet_defer(v_ids, v_now);
    with dead as (
        update messaging.message m set state = 'expired', body_sealed = null, done_at = v_now
        where m.id = any (v_ids) and m.state = 'queued' and m.expires_at <= v_now
        returning m.id)
    select array_agg(d.id) into v_ids from dead d;
    perform messaging.rewind(x) from unnest(v_ids) x order by x desc;
    return coalesce(cardinality(v_ids), 0);
end $$;
comment on function messaging.expire_unclaimed(int) is
'Ends messages past their end that no claim ends: those without an account, at most max, and a day later, at most max an account and priority, those of an account that nobody holds, as one whose section went. The reader''s place goes back to before them; what the quiet hours overtook waits for their end as in a claim.';
