-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.expire_unrouted(p_max int) returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_ids bigint[];
begin
    with dead as (
        update messaging.message m set state = 'expired', body_sealed = null, done_at = v_now
        where m.id = any (array(select q.id from messaging.message q
                                where q.account is null and q.state = 'queued' and q.expires_at <= v_now
                                order by q.id limit p_max for no key update skip locked))
        returning m.id)
    select array_agg(d.id) into v_ids from dead d;
    perform messaging.rewind(x) from unnest(v_ids) x order by x desc;
    return coalesce(cardinality(v_ids), 0);
end $$;
comment on function messaging.expire_unrouted(int) is
'Ends at most max messages past their end that no account has: no claim does. The reader''s place goes back to before them.';
