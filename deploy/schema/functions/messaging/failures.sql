-- SPDX-License-Identifier: Apache-2.0
-- Delivery pauses when a phone takes nothing any more: three instalments in seven days that ended for good.

create or replace function messaging.failed_for_good(p_message_id bigint) returns boolean language plpgsql stable as $$
begin
    return exists (select 1 from messaging.part p where p.message_id = p_message_id)
        and not exists (select 1 from messaging.part p where p.message_id = p_message_id
                        and not (p.state in ('failed', 'expired') and (p.receipt_at is not null or p.code = 11)));
end $$;
comment on function messaging.failed_for_good(bigint) is
'Whether every part ended at the phone: a receipt said so (undeliverable, expired), or the carrier knows no such number (0x0B). Not what our own queue, a throttled route or an operator ended.';

create or replace function messaging.failures(p_identity_id bigint) returns int language plpgsql stable as $$
declare
    v_since timestamptz := greatest(ops.now() - interval '7 days', (select i.lifted_at from auth.identity i where i.id = p_identity_id));
begin
    return (
        with last as materialized (
            select m.id, m.kind, m.state, m.done_at from messaging.message m
            where m.identity_id = p_identity_id order by m.identity_id, m.id desc limit 100)
        select count(*) from last f
        where f.kind = 'instalment' and f.state = 'failed' and f.done_at > v_since and messaging.failed_for_good(f.id)
          and not exists (select 1 from last s where s.kind = 'instalment' and s.state in ('delivered', 'partial')
                          and s.done_at >= f.done_at));
end $$;
comment on function messaging.failures(bigint) is
'Instalments that a phone did not take in the last seven days, since one reached it, and since its reader last resumed.';

create or replace function messaging.pause_failing(p_identities bigint[]) returns int language plpgsql as $$
declare
    v_id bigint;
    v_n int := 0;
begin
    foreach v_id in array p_identities loop
        continue when messaging.failures(v_id) < 3;
        -- Never waits: the caller holds messages, which come after identities in the order of locks.
        update auth.identity i set paused_at = ops.now(), paused_for = 'failures'
        where i.id = (select x.id from auth.identity x where x.id = v_id and x.stopped_at is null and x.paused_at is null
                      for no key update skip locked);
        continue when not found;
        perform auth.consent_put(v_id, 'pause', 'rule', 'pause_failures', null);
        v_n := v_n + 1;
    end loop;
    return v_n;
end $$;
comment on function messaging.pause_failing(bigint[]) is
'Pauses the phones of these that failed three times, with its row of the ledger (way: rule): nothing comes unasked until the reader resumes, at the next dial or by REPRENDRE. An identity that another transaction holds is left to the next failure, or to the next slot of its schedule. Returns how many.';
