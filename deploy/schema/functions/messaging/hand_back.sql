-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.hand_back(p_account text, p_owner text, p_epoch bigint, p_kept bigint[])
returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_ids bigint[];
    v_stopped bigint[];
begin
    -- A claim whose answer was lost may still be running: until its commit its rows cannot be seen (M1).
    perform 1 from messaging.account a where a.name = p_account for no key update;
    with back as (
        update messaging.message m
        set state = case when m.cancel_asked then 'cancelled' else 'queued' end, tries = greatest(m.tries - 1, 0),
            sent_at = null, done_at = case when m.cancel_asked then v_now end,
            body_sealed = case when m.cancel_asked then null else m.body_sealed end
        where m.account = p_account and m.state = 'sending' and m.owner = p_owner and m.epoch = p_epoch
          and m.id <> all (p_kept) and not exists (select 1 from messaging.part p where p.message_id = m.id)
        returning m.id, m.identity_id, m.cancel_asked)
    select array_agg(b.id), array_agg(distinct b.identity_id) filter (where b.cancel_asked) into v_ids, v_stopped from back b;
    perform messaging.rewind(m.id) from messaging.message m where m.id = any (v_ids) and m.state = 'cancelled';
    perform messaging.release_held(coalesce(v_stopped, '{}'));
    return coalesce(cardinality(v_ids), 0);
end $$;
comment on function messaging.hand_back(text, text, bigint, bigint[]) is
'Rows that this owner claimed under this epoch and of which it wrote nothing go back to the queue at once: at its orderly end, and after a claim whose answer was lost. p_kept: what it has begun or still holds. Only the holder of the lease calls it, with every outcome recorded before. Returns how many.';
