-- SPDX-License-Identifier: Apache-2.0
-- Leases with epochs. A write under a lease carries the epoch; an older one has no effect.

create or replace function ops.lease_take(p_name text, p_owner text, p_ttl_s int)
returns table (ok boolean, epoch bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_epoch bigint;
begin
    insert into ops.lease as l (name, owner, epoch, until)
    values (p_name, p_owner, 1, v_now + make_interval(secs => p_ttl_s))
    on conflict (name) do update
        set owner = excluded.owner, epoch = l.epoch + 1, until = excluded.until
        where l.owner = excluded.owner or l.until <= v_now
    returning l.epoch into v_epoch;
    return query select v_epoch is not null,
        coalesce(v_epoch, (select l.epoch from ops.lease l where l.name = p_name));
end $$;
comment on function ops.lease_take(text, text, int) is
'ok: the lease is ours under a new epoch. Free, expired, or our own (a restarted slot takes its lease back at once). Not ok: epoch of the holder.';

create or replace function ops.lease_renew(p_name text, p_owner text, p_epoch bigint, p_ttl_s int)
returns boolean language plpgsql as $$
begin
    update ops.lease l set until = ops.now() + make_interval(secs => p_ttl_s)
    where l.name = p_name and l.owner = p_owner and l.epoch = p_epoch;
    return found;
end $$;
comment on function ops.lease_renew(text, text, bigint, int) is
'True: still ours (also after its end, if nobody took it). False: another epoch exists; stop at once.';

create or replace function ops.lease_release(p_name text, p_owner text, p_epoch bigint)
returns boolean language plpgsql as $$
begin
    update ops.lease l set until = '-infinity'
    where l.name = p_name and l.owner = p_owner and l.epoch = p_epoch;
    return found;
end $$;
comment on function ops.lease_release(text, text, bigint) is 'Gives the lease up; the row stays so that epochs only grow.';
