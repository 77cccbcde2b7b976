-- SPDX-License-Identifier: Apache-2.0
-- `coko reader`: what two persons of the house, each proving who it is, do about a number. Numbers come as auth.identity_find
-- takes them: {lookup, sealed, key_id, country, network}; none leaves here (S5).

create or replace function auth.number_known(p_number jsonb) returns bigint language sql stable as $$
    select i.id from auth.identity i where i.kind = 'phone' and i.lookup = decode(p_number->>'lookup', 'hex')
$$;
comment on function auth.number_known(jsonb) is 'The identity of a number that has dialled or was written to; null: none, and none is made.';

create or replace function auth.desk_ask(p_keys bytea[], p_operator text, p_old jsonb, p_new jsonb, p_reason text)
returns table (outcome text, detail text) language plpgsql as $$
declare
    v_old bigint := auth.number_known(p_old);
    v_new bigint;
    v_user bigint;
    v_id bigint;
    v_who text := auth.staff_who(p_keys, 'treasurer', p_operator, 'identity:' || coalesce(v_old::text, '-'));
begin
    if v_who is null then
        return query select 'who', '';
        return;
    elsif v_old is null then
        return query select 'missing', '';
        return;
    elsif p_new is not null and (p_new->>'country') is distinct from (select i.country::text from auth.identity i where i.id = v_old) then
        return query select 'abroad', '';
        return;
    elsif p_new is not null then
        select f.identity_id into v_new from auth.identity_find(decode(p_new->>'lookup', 'hex'), decode(p_new->>'sealed', 'hex'),
            (p_new->>'key_id')::int, p_new->>'country', p_new->>'network', '') f;
    end if;
    if v_new = v_old then
        return query select 'same', '';
        return;
    end if;
    select i.user_id into v_user from auth.identity i where i.id = v_old;
    insert into auth.number_move (kind, state, old_identity, new_identity, user_id, reason, asked_by, asked_at)
    values (case when v_new is null then 'recycled' else 'desk' end, 'asked', v_old, v_new, v_user, left(p_reason, 200), v_who, ops.now())
    on conflict (old_identity) where state in ('asked', 'waits') do nothing
    returning id into v_id;
    if v_id is null then
        return query select 'asked_already', (select m.id::text from auth.number_move m where m.old_identity = v_old and m.state in ('asked', 'waits'));
        return;
    end if;
    perform ops.audit_put(v_who, 'number.asked', 'identity:' || v_old, jsonb_build_object('move', v_id, 'to', v_new));
    return query select 'ok', v_id::text;
end $$;
comment on function auth.desk_ask(bytea[], text, jsonb, jsonb, text) is
'One person asks that a reader move from one number to another, or (new null) that a number which has a new holder forget its reader. outcome: ok (detail: the request) | who (the secret is nobody''s) | missing (nobody ever came from that number) | same | abroad | asked_already (detail: the request that waits).';

create or replace function auth.desk_answer(p_keys bytea[], p_operator text, p_move_id bigint, p_what text)
returns table (outcome text, detail text) language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_who text := auth.staff_who(p_keys, 'treasurer', p_operator, 'move:' || p_move_id);
    m auth.number_move;
begin
    if v_who is null then
        return query select 'who', '';
        return;
    end if;
    -- Lock order: users and identities before the request.
    select * into m from auth.number_move x where x.id = p_move_id;
    perform auth.number_lock(m.old_identity, m.new_identity);
    select * into m from auth.number_move x where x.id = p_move_id for update;
    if m.id is null then
        return query select 'missing', '';
    elsif m.state <> 'asked' and (p_what = 'approve' or m.state <> 'waits') then
        return query select 'decided', m.state;
    elsif p_what <> 'approve' then
        update auth.number_move set state = 'refused', ended_at = v_now, why = 'refused by ' || v_who where id = m.id;
        perform ops.audit_put(v_who, 'number.refused', 'identity:' || m.old_identity, jsonb_build_object('move', m.id));
        return query select 'ok', 'refused';
    elsif m.asked_by = v_who then
        return query select 'same_person', '';
    elsif m.asked_at <= v_now - interval '7 days' then
        update auth.number_move set state = 'failed', ended_at = v_now, why = 'expired' where id = m.id;
        return query select 'decided', 'expired';
    elsif (select i.user_id from auth.identity i where i.id = m.old_identity) is distinct from m.user_id then
        update auth.number_move set state = 'failed', ended_at = v_now, why = 'gone' where id = m.id;
        return query select 'decided', 'gone';
    elsif m.kind = 'recycled' then
        return query select * from auth.number_recycle(m, v_who);
    else
        update auth.number_move set state = 'waits', decided_by = v_who, due_at = v_now + interval '72 hours' where id = m.id;
        perform messaging.enqueue(m.old_identity, 'receipt', u.lang, 'move_asked', jsonb_build_object('until',
                billing.local_text(u.id, v_now + interval '72 hours'), 'dial', messaging.dial_code_of(i.country)), 'move:' || m.id)
        from auth.identity i join auth.users u on u.id = i.user_id where i.id = m.old_identity;
        perform ops.audit_put(v_who, 'number.approved', 'identity:' || m.old_identity, jsonb_build_object('move', m.id));
        return query select 'ok', 'waits 72 h';
    end if;
end $$;
comment on function auth.desk_answer(bytea[], text, bigint, text) is
'Another person approves, or anybody with a key refuses, before or after the approval. A move then waits 72 hours, and the old number is told; a number with a new holder forgets its reader at once. outcome: ok | who | missing | decided (detail: how) | same_person | open (a payment is not over).';

create or replace function auth.number_recycle(p_move auth.number_move, p_who text) returns table (outcome text, detail text) language plpgsql as $$
declare
    v_gone boolean := (select i.gone_at is not null from auth.identity i where i.id = p_move.old_identity);
    v_lost boolean;
begin
    if auth.user_pays(array[p_move.user_id], true) or exists (
        select 1 from billing.refund f join billing.charge c on c.id = f.charge_id
        where c.identity_id = p_move.old_identity and f.state in ('APPROVED', 'REFUNDING', 'REFUND_UNKNOWN')) then
        return query select 'open', '';
        return;
    end if;
    if not v_gone then
        perform auth.identity_retire(p_move.old_identity, 'recycled');
    end if;
    -- A code that was asked for when the number may have been his already is his.
    delete from auth.recovery_code where identity_id = p_move.old_identity and made_at > p_move.asked_at - interval '30 days';
    v_lost := auth.user_holds(p_move.user_id)
        and not exists (select 1 from auth.recovery_code r where r.identity_id = p_move.old_identity);
    update auth.number_move set state = 'done', decided_by = p_who, ended_at = ops.now() where id = p_move.id;
    perform ops.audit_put(p_who, 'number.recycled', 'identity:' || p_move.old_identity, jsonb_build_object('move', p_move.id, 'lost', v_lost));
    return query select 'ok', 'the next who dials from it is a new reader'
        || case when v_lost then '; what the old one still holds has no code that brings it back' else '' end;
end $$;
comment on function auth.number_recycle(auth.number_move, text) is
'The number''s reader is left without it; a code from more than 30 days before the request still brings her, and all that is hers, to another number: a younger one may be the new holder''s. open: a payment that may still succeed, or a refund to this number, is not over. Under the locks of auth.desk_answer.';

create or replace function auth.move_list() returns table (id text, kind text, state text, who text, age text, due text, reason text) language sql stable as $$
    select m.id::text, m.kind, m.state, m.asked_by || coalesce(', ' || m.decided_by, ''), to_char(ops.now() - m.asked_at, 'FMDDD"d" HH24:MI'),
        coalesce(to_char(m.due_at, 'YYYY-MM-DD HH24:MI'), '-'), coalesce(billing.no_number(m.why), billing.no_number(m.reason))
    from auth.number_move m where m.kind <> 'code' order by (m.ended_at is not null), m.id desc limit 100
$$;
comment on function auth.move_list() is 'What was asked at the desk about numbers, what waits first: an operator''s report, not a hot path.';
