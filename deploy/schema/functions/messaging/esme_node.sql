-- SPDX-License-Identifier: Apache-2.0
-- ESMEs are counted over all machines: each listener tells what an account has at it and hears of the others.

create or replace function messaging.esme_meet(p_holder text, p_epoch bigint, p_rows jsonb)
returns table (esme text, granted int, used bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_binds bigint;
    r record;
begin
    for r in
        select * from jsonb_to_recordset(p_rows) as x(esme text, binds int, wants int, max int, used bigint) order by x.esme
    loop
        -- Two listeners that count at once would each miss the bind of the other.
        if r.wants > 0 then
            perform pg_advisory_xact_lock(2651, hashtext(r.esme));
        end if;
        delete from messaging.esme_node n
        where n.esme = r.esme and n.holder <> p_holder
          and not exists (select 1 from ops.lease l where l.name = n.holder and l.epoch = n.epoch and l.until > v_now);
        select coalesce(sum(n.binds), 0), coalesce(sum(n.used), 0) into v_binds, used
        from messaging.esme_node n where n.esme = r.esme and n.holder <> p_holder;
        esme := r.esme;
        granted := greatest(least(r.wants, r.max - r.binds - v_binds), 0);
        insert into messaging.esme_node as n (esme, holder, epoch, binds, used)
        values (r.esme, p_holder, p_epoch, r.binds + granted, r.used)
        on conflict on constraint esme_node_pkey do update set epoch = excluded.epoch, binds = excluded.binds, used = excluded.used
        where n.epoch <= excluded.epoch and (n.epoch, n.binds, n.used) is distinct from (excluded.epoch, excluded.binds, excluded.used);
        return next;
    end loop;
end $$;
comment on function messaging.esme_meet(text, bigint, jsonb) is
'What accounts have at this listener, in this epoch of its lease: [{esme, binds: bound now, wants: binds that ask, max: on all machines, used: parts submitted since its process began}]. granted: how many of those that ask may bind. used: parts submitted at all others; it may fall. A listener whose lease is over counts for nothing; until then its binds do, though it may be dead.';
