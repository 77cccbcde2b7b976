-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.claim(p_account text, p_owner text, p_epoch bigint, p_max int)
returns table (message_id bigint, kind text, priority int, number_sealed bytea, key_id int, lang text, body text, body_sealed bytea,
               validity_s int) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_left int := greatest(p_max, 0);
    v_ids bigint[] := '{}';
    v_some bigint[];
    v_ended boolean := false;
    v_end boolean;
    v_dead bigint[];
    v_one boolean;
begin
    -- Until our commit no recover passes: it would miss the rows that we are about to mark, and they would be 'sending' for ever.
    select a.one_part into v_one from messaging.account a where a.name = p_account for share;
    if exists (select 1 from messaging.account a where a.name = p_account and a.epoch > p_epoch) then
        return;
    end if;
    -- One priority at a time: each walk follows the index and stops at the first row of the future.
    for v_prio in 0 .. 3 loop
        exit when v_left = 0;
        select coalesce(array_agg(d.id), '{}'), coalesce(bool_or(d.expires_at <= v_now), false) into v_some, v_end from (
            select m.id, m.expires_at from messaging.message m
            where m.account = p_account and m.priority = v_prio and m.state = 'queued' and m.due_at <= v_now
            order by m.account, m.priority, m.due_at, m.id
            limit v_left
            for update skip locked) d;
        v_ids := v_ids || v_some;
        v_ended := v_ended or v_end;
        v_left := v_left - cardinality(v_some);
    end loop;
    if cardinality(v_ids) = 0 then
        return;
    end if;
    if v_ended then
        perform messaging.quiet_defer(v_ids, v_now);
        with dead as (
            update messaging.message m set state = 'expired', body_sealed = null, done_at = v_now
            where m.id = any (v_ids) and m.expires_at <= v_now
            returning m.id)
        select array_agg(d.id) into v_dead from dead d;
        if v_dead is not null then
            perform messaging.rewind(x) from unnest(v_dead) x order by x desc;
        end if;
    end if;
    return query
    with sent as (
        update messaging.message m set state = 'sending', epoch = p_epoch, owner = p_owner, tries = m.tries + 1, sent_at = v_now,
            parts = case when v_one then 1 when m.parts = 0 then least(m.segments, 255) else m.parts end
        from auth.identity i
        where m.id = any (v_ids) and m.state = 'queued' and i.id = m.identity_id and m.due_at <= v_now
        returning m.id, m.kind, m.priority, i.sealed, i.key_id, m.lang, m.body, m.body_sealed, m.expires_at, m.due_at)
    select s.id, s.kind, s.priority::int, s.sealed, s.key_id, s.lang, s.body, s.body_sealed,
        greatest(extract(epoch from s.expires_at - v_now)::int, 1)
    from sent s order by s.priority, s.due_at, s.id;
end $$;
comment on function messaging.claim(text, text, bigint, int) is
'At most max due messages of an account, most urgent first, in the order of the index message_due; state ''sending'' is committed before the network (M1, M4).
Two claimers never share a row. Nothing when the account was taken over by a newer epoch. Rows past their end become ''expired'' and are not given; validity_s is what is left of the others.';

create or replace function messaging.cancelled(p_account text) returns table (message_id bigint) language sql stable as $$
    select m.id from messaging.message m
    where m.account = p_account and m.state in ('claimed', 'sending') and m.cancel_asked
$$;
comment on function messaging.cancelled(text) is
'Messages in the sender''s hands whose reader said STOP: their parts not yet written must not be; the sender records them as ''cancelled'' (M3).';
