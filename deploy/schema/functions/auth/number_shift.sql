-- SPDX-License-Identifier: Apache-2.0
-- What a change of number does to rows. What is read, paid, chosen and owed hangs on the reader's row, so that moving her is
-- giving the new number her row; the old one is taken off the books, and whoever dials from it next is somebody new.
--
--   identity old -> reader U (pass, credit, books, positions, language, hours)      identity old: gone, under a look-up that nobody has
--   identity new -> reader V (empty)                                          =>     identity new -> reader U;  V: deleted

create or replace function auth.user_holds(p_user_id bigint) returns boolean language plpgsql stable as $$
begin
    return exists (select 1 from billing.entitlement e where e.user_id = p_user_id and e.ends_at > ops.now())
        or exists (select 1 from billing.book_right b where b.user_id = p_user_id)
        or exists (select 1 from billing.student s where s.user_id = p_user_id)
        or exists (select 1 from auth.user_role r where r.user_id = p_user_id)
        or exists (select 1 from catalog.author a where a.user_id = p_user_id)
        or exists (select 1 from ops.country c join auth.users u on u.country = c.code
                   where u.id = p_user_id and billing.credit_left(p_user_id, c.currency, null) > 0);
end $$;
comment on function auth.user_holds(bigint) is
'Whether a reader has what would be lost with her row: a pass, a book, credit, a student''s or an author''s right, a role.';

create or replace function auth.user_pays(p_users bigint[], p_to_the_end boolean) returns boolean language plpgsql stable as $$
begin
    return exists (
        select 1 from (select c.* from billing.charge c where c.user_id = any (p_users)
                       union all
                       select c.* from billing.charge c where coalesce(c.gift_by, c.user_id) = any (p_users)) c
        where c.state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED') and (p_to_the_end or not c.superseded)
           or p_to_the_end and (c.due_at is not null or c.state = 'REVIEW' and billing.waits_for_person(c)));
end $$;
comment on function auth.user_pays(bigint[], boolean) is
'Whether a payment of these readers is open; to the end: also one that was given up but may still succeed, is asked about once more, or waits for a person. Its money would find nobody.';

create or replace function auth.number_lock(p_old bigint, p_new bigint) returns bigint[] language plpgsql as $$
declare
    v_users bigint[] := array_remove(array[(select i.user_id from auth.identity i where i.id = p_old),
                                           (select i.user_id from auth.identity i where i.id = p_new)], null);
    v_id bigint;
begin
    -- Hours before users, as messaging.run_schedule takes them.
    perform 1 from messaging.schedule s where s.user_id = any (v_users) order by s.user_id for update;
    for v_id in select distinct x from unnest(v_users) x order by x loop
        perform 1 from auth.users u where u.id = v_id for no key update;
    end loop;
    for v_id in select distinct x from unnest(array[p_old, p_new]) x order by x loop
        perform 1 from auth.identity i where i.id = v_id for no key update;
    end loop;
    return v_users;
end $$;
comment on function auth.number_lock(bigint, bigint) is
'The locks of a change of number, in the order of every function: users, then identities. Returns the readers of old and new as they were read before: who finds others under the locks was too late.';

create or replace function auth.identity_retire(p_identity_id bigint, p_for text) returns void language plpgsql as $$
begin
    perform messaging.cancel_unsent(p_identity_id, case p_for when 'recycled' then '{instalment,notice,reply,otp,receipt}'::text[]
                                                               else '{instalment,notice,reply,otp}' end);
    update messaging.message set body_sealed = null
    where identity_id = p_identity_id and kind = 'otp' and state = 'cancelled' and body_sealed is not null;
    if p_for = 'moved' then
        perform messaging.enqueue(p_identity_id, 'receipt', (
            select u.lang from auth.identity i join auth.users u on u.id = i.user_id where i.id = p_identity_id), 'number_moved', '{}', null);
    end if;
    -- What she agreed to was about this number's wallet.
    perform billing.mandate_over(m.id, 'the number is ' || p_for) from billing.mandate m
    where m.identity_id = p_identity_id and m.state in ('WANTED', 'ASKING', 'ASKED', 'UNKNOWN', 'ACTIVE', 'SLEEPING');
    update auth.session set revoked_at = ops.now()
    where user_id = (select i.user_id from auth.identity i where i.id = p_identity_id) and identity_id = p_identity_id and revoked_at is null;
    delete from messaging.schedule s where s.identity_id = p_identity_id
        and s.user_id = (select i.user_id from auth.identity i where i.id = p_identity_id);
    if p_for = 'recycled' then
        perform billing.family_recycle(p_identity_id);
        delete from auth.recovery_code where identity_id = p_identity_id and code_mac is null;
        update auth.recovery_code set wanted_at = null, lease_until = null where identity_id = p_identity_id;
    end if;
    -- Seen last of all phones, and silent: nothing that comes later is for who holds the number then.
    update auth.identity set gone_at = ops.now(), gone_for = p_for, lookup = sha256(lookup || int8send(id)), stopped_at = ops.now(),
        last_seen_at = created_at, rail = null
    where id = p_identity_id;
end $$;
comment on function auth.identity_retire(bigint, text) is
'A number is its reader''s no more: what was to leave for it does not (receipts of a payment from it still do, unless somebody else holds it by now), its logins end, and so does a mandate on its wallet. for: moved (it is told so, last) | recycled (it is told nothing: a stranger would read it).';

create or replace function auth.number_shift(p_old bigint, p_new bigint) returns text language plpgsql as $$
declare
    v_users bigint[] := auth.number_lock(p_old, p_new);
    o auth.identity;
    n auth.identity;
    s messaging.schedule;
begin
    select * into o from auth.identity where id = p_old;
    select * into n from auth.identity where id = p_new;
    if o.id = n.id then
        return 'same';
    elsif o.gone_for = 'moved' or n.gone_at is not null or v_users <> array[o.user_id, n.user_id] then
        return 'gone';
    elsif o.country <> n.country then
        return 'abroad';
    elsif auth.user_pays(array[o.user_id], false) or (o.user_id <> n.user_id and auth.user_pays(array[n.user_id], true)) then
        return 'open';
    elsif o.user_id <> n.user_id and auth.user_holds(n.user_id) then
        return 'own';
    end if;
    select * into s from messaging.schedule where user_id = o.user_id and identity_id = o.id;
    if o.gone_at is null then
        perform auth.identity_retire(o.id, 'moved');
    end if;
    perform messaging.cancel_unsent(n.id, '{instalment,notice}');
    update auth.session set revoked_at = ops.now() where user_id in (o.user_id, n.user_id) and revoked_at is null;
    delete from messaging.schedule where user_id = n.user_id and identity_id = n.id and o.user_id <> n.user_id;
    if s.user_id is not null then
        insert into messaging.schedule (user_id, identity_id, slots, next_at) values (o.user_id, n.id, s.slots, s.next_at)
        on conflict (user_id) do nothing;
    end if;
    -- A leave to debit the new number was another reader's, also where that one stays with another phone.
    perform billing.mandate_over(m.id, 'the number is hers who moved to it') from billing.mandate m
    where m.identity_id = n.id and m.user_id <> o.user_id and m.state in ('WANTED', 'ASKING', 'ASKED', 'UNKNOWN', 'ACTIVE', 'SLEEPING');
    perform auth.number_merge(n.user_id, o.user_id, n.id);
    update billing.family_member set identity_id = n.id where user_id = o.user_id and state <> 'ended' and identity_id = o.id;
    update auth.identity set user_id = o.user_id, last_seen_at = ops.now(),
        stopped_at = coalesce(stopped_at, case when o.gone_at is null then o.stopped_at end),
        paused_at = coalesce(paused_at, case o.paused_for when 'reader' then o.paused_at end),
        paused_for = coalesce(paused_for, case o.paused_for when 'reader' then 'reader' end)
    where id = n.id;
    if o.gone_at is null and o.stopped_at is not null and n.stopped_at is null then
        perform auth.consent_put(n.id, 'stop', 'rule', 'number_here', null);
    end if;
    delete from auth.recovery_code where identity_id in (o.id, n.id);
    perform messaging.enqueue(n.id, 'receipt', (select u.lang from auth.users u where u.id = o.user_id), 'number_here',
        jsonb_build_object('dial', messaging.dial_code_of(n.country)), null);
    perform auth.recovery_want(n.id, interval '0');
    return 'ok';
end $$;
comment on function auth.number_shift(bigint, bigint) is
'The reader of the old number is reached by the new one, with all that is hers; STOP and PAUSE come with her (not a pause because nothing arrived: that was the old phone). Her code dies and a new one goes to the new number. One transaction, under the rows of both readers and both numbers.
Returns ok | same (one number) | gone (one of them is somebody else''s since) | abroad (another country''s prices and law) | open (a payment of either is not over) | own (the new number has a pass, a book or credit of its own: nothing of it may be lost, and two passes are not made one).';

create or replace function auth.number_merge(p_from bigint, p_to bigint, p_identity_id bigint) returns void language plpgsql as $$
begin
    if p_from = p_to or exists (select 1 from auth.identity i where i.user_id = p_from and i.id <> p_identity_id and i.gone_at is null) then
        return;  -- who has another way in stays who she is
    end if;
    update reading.position p set user_id = p_to
    where p.user_id = p_from and not exists (select 1 from reading.position q where q.user_id = p_to and q.book_id = p.book_id);
    delete from messaging.schedule where user_id = p_from;
    perform billing.mandate_end(p_from, 'the number is hers who moved to it');
    perform billing.family_move(p_from, p_to);
    -- What ended and may yet turn out to be paid (I5) is for who she is now.
    update billing.charge set user_id = p_to where user_id = p_from and settlement is null;
    update billing.charge set gift_by = p_to where gift_by = p_from and settlement is null;
    update auth.users set status = 'deleted', version = version + 1 where id = p_from;
end $$;
comment on function auth.number_merge(bigint, bigint, bigint) is
'What a reader began on the new number before she typed her code goes on with her, where her own place in the book does not say more. Her row of those days is closed.';
