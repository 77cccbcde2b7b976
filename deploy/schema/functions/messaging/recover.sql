-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.recover(p_account text, p_epoch bigint) returns table (recovered int) language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_ids bigint[];
    v_lost bigint[];
    v_stopped bigint[];
begin
    perform messaging.meet(p_account, false);
    update messaging.account a set epoch = p_epoch where a.name = p_account and a.epoch < p_epoch;
    update messaging.message m set account = messaging.account_for(i.country, i.network)
    from auth.identity i
    where m.account is null and m.state = 'queued' and i.id = m.identity_id
      and messaging.account_for(i.country, i.network) = p_account;
    with old as (
        update messaging.message m
        set state = case when m.tries <= (select y.max from messaging.unknown_policy y where y.kind = m.kind and y.action = 'resend')
                              and m.expires_at > v_now and not m.cancel_asked
                              and not exists (select 1 from messaging.part p where p.message_id = m.id) then 'queued'
                         else 'unknown' end,
            done_at = v_now
        where m.account = p_account and m.state in ('claimed', 'sending') and m.epoch < p_epoch
        returning m.id, m.identity_id, m.cancel_asked, m.state)
    select array_agg(o.id), array_agg(o.id) filter (where o.state = 'unknown'), array_agg(o.identity_id) filter (where o.cancel_asked)
    into v_ids, v_lost, v_stopped from old o;
    -- A place for each part whose answer died with the old holder, until a response or receipt names it. As many as the
    -- claim or a response said: a place too many would be unknown for ever.
    insert into messaging.part (account, ref, message_id, no, state, at)
    select m.account, 'm' || m.id || '.' || n, m.id, n, 'unknown', v_now
    from messaging.message m cross join generate_series(1, greatest(m.parts, 1)) n
    where m.id = any (v_lost)
      and (select count(*) from messaging.part q where q.message_id = m.id and q.no = n) = 0
    on conflict (account, ref) do nothing;
    perform messaging.aggregate(coalesce(v_ids, '{}'));
    perform messaging.match_named(p_account, coalesce(v_lost, '{}'));
    perform messaging.release_held(coalesce(v_stopped, '{}'));
    return query select coalesce(cardinality(v_ids), 0);
end $$;
comment on function messaging.recover(text, bigint) is
'Called by the new holder of an account before it claims: ''sending'' rows of earlier epochs become unknown and wait for their receipts, never resent blindly (M4); a code that may still be of use is sent once more. Takes up messages that had no route. From here an older epoch claims nothing.';

create or replace function messaging.take_over(p_account text, p_epoch bigint, p_one_part boolean) returns table (recovered int) language plpgsql as $$
begin
    return query select r.recovered from messaging.recover(p_account, p_epoch) r;
    update messaging.account a set one_part = p_one_part
    where a.name = p_account and a.epoch <= p_epoch and a.one_part <> p_one_part;
    if found then -- what comes back to the queue was counted by the other way
        update messaging.message m set parts = 0 where m.account = p_account and m.state = 'queued' and m.parts > 0;
    end if;
end $$;
comment on function messaging.take_over(text, bigint, boolean) is
'messaging.recover, and whether the new holder''s link makes one part of a long text (a payload).';
