-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.cancel_unsent(p_identity_id bigint, p_kinds text[]) returns int language plpgsql as $$
declare
    m messaging.message;
    v_flagged int;
begin
    -- All that is ours to end, before any is looked at: what a refusal gives back to the queue is neither missed nor let go.
    perform 1 from messaging.message
    where identity_id = p_identity_id and state in ('queued', 'claimed', 'sending', 'unknown') and kind = any (p_kinds)
    order by id for no key update;
    for m in select * from messaging.message
             where identity_id = p_identity_id and state = 'queued' and kind = any (p_kinds)
             order by id desc loop
        update messaging.message set state = 'cancelled', done_at = ops.now() where id = m.id;
        perform messaging.rewind(m.id);
    end loop;
    -- Whether one of unknown outcome arrives is the carrier's to tell; it is not sent again.
    with flagged as (
        update messaging.message set cancel_asked = true
        where identity_id = p_identity_id and state in ('claimed', 'sending', 'unknown') and kind = any (p_kinds)
        returning state)
    select count(*) into v_flagged from flagged f where f.state <> 'unknown';
    if 'notice' = any (p_kinds) then
        v_flagged := v_flagged + messaging.ring_stop(p_identity_id);
    end if;
    return v_flagged;
end $$;
comment on function messaging.cancel_unsent(bigint, text[]) is
'Cancels what is queued of these kinds, also what waits to be tried again (the position goes back to unsent text), and flags what is being sent or of unknown outcome: nobody sends that again. With notices go rings. Returns how many are being sent or pushed: a confirmation waits for them (M3).';
