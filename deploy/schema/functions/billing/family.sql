-- SPDX-License-Identifier: Apache-2.0
-- A family: others read under the pass of one reader, its host (rest hard case 36: the sixth, the host who stops paying, who leaves).
--
--   host asks a number                  she says yes: screen, SMS, REST
--        |                                        |
--        v                                        v
--     invited ----------------------------------> member
--        |   she says no          declined           |   she leaves                       left
--        |   host takes it back   withdrawn          |   host takes her out               removed
--        |   7 days               expired            |   another family, this one over    lapsed
--        |   recycled, moved                         |   recycled, moved (below)
--        +--------------------> ended <--------------+
--
-- A place is taken from the question on, so nobody is asked into a full family. The right is the host's pass itself (billing.pass_of):
-- none of these rows changes when it ends, is given back, or is bought again. A reader who moves to another number keeps her place
-- (moved: her new number had one of its own); a number with a new holder loses it, and he starts with nothing (recycled).
-- Locks: who asks holds the host's row, so that a place is given once; who answers or ends holds the row of her whom it is about, then
-- the place. Nobody holds two readers' rows.

create or replace function billing.family_fresh(p_place billing.family_member) returns boolean language plpgsql stable as $$
begin
    return p_place.state = 'member' or p_place.state = 'invited' and p_place.invited_at > ops.now() - interval '7 days';
end $$;
comment on function billing.family_fresh(billing.family_member) is 'Whether a place is taken: an invitation counts for seven days.';

create or replace function billing.family_plan_text(p_host_id bigint, p_lang text) returns text language plpgsql stable as $$
begin
    return (select coalesce(ops.named(p.names, p_lang), p.code) from billing.plan p
            where p.id = (billing.family_pass(p_host_id, 1, ops.now())).plan_id);
end $$;
comment on function billing.family_plan_text(bigint, text) is 'The name of the family plan that a host has now; null: none.';

create or replace function billing.family_tell(p_user_id bigint, p_template text, p_place billing.family_member, p_kind text) returns bigint
language plpgsql as $$
declare
    v_lang text := (select u.lang from auth.users u where u.id = p_user_id);
    v_phone bigint;
    v_country text;
begin
    if p_user_id = p_place.user_id then
        v_phone := p_place.identity_id;
    else
        select i.id into v_phone from auth.identity i where i.user_id = p_user_id and i.kind = 'phone' and i.gone_at is null
        order by i.last_seen_at desc, i.id limit 1;
    end if;
    if v_phone is null then
        return null;
    end if;
    select i.country into v_country from auth.identity i where i.id = v_phone;
    return (select e.message_id from messaging.enqueue(v_phone, p_kind, v_lang, p_template, jsonb_build_object(
        'plan', coalesce(billing.family_plan_text(p_place.host_id, v_lang), ''), 'mark', p_place.mark, 'dial', messaging.dial_code_of(v_country)),
        case p_template when 'family_invited' then 'family:' || p_place.id end) e);
end $$;
comment on function billing.family_tell(bigint, text, billing.family_member, text) is
'One message about a place to one of its two readers; as a notice neither comes after STOP nor at night. The invitation is never sent twice.';

create or replace function billing.family_invite_once(p_user_id bigint, p_identity_id bigint, p_friend jsonb, p_channel text) returns text
language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_seat int;
    e billing.entitlement;
    g record;
    m billing.family_member;
begin
    select * into g from billing.gift_to(p_identity_id, p_friend);
    if g.outcome <> 'ok' then
        return g.outcome;
    end if;
    perform 1 from auth.users u where u.id = p_user_id for no key update;
    e := billing.family_pass(p_user_id, 1, v_now);
    if e.id is null or not exists (select 1 from auth.holder(p_identity_id, p_user_id)) then
        return 'none';
    end if;
    update billing.family_member set state = 'ended', ended_at = v_now, ended_why = 'expired'
    where host_id = p_user_id and state = 'invited' and invited_at <= v_now - interval '7 days';
    if exists (select 1 from billing.family_member x where x.user_id = g.user_id and x.host_id = p_user_id and x.state <> 'ended') then
        return 'known';
    end if;
    select s.seat into v_seat from billing.plan p cross join lateral generate_series(1, p.members) s(seat)
    where p.id = e.plan_id
      and not exists (select 1 from billing.family_member x where x.host_id = p_user_id and x.seat = s.seat and x.state <> 'ended')
    order by s.seat limit 1;
    if v_seat is null then
        return 'full';
    elsif (select count(*) >= 12 or coalesce(bool_or(x.user_id = g.user_id and x.ended_why = 'declined'), false) from billing.family_member x
           where x.host_id = p_user_id and x.invited_at > v_now - interval '30 days') then
        return 'limited';
    end if;
    insert into billing.family_member (host_id, seat, user_id, identity_id, mark, invited_at)
    select p_user_id, v_seat, i.user_id, i.id, g.mark, v_now from auth.identity i
    where i.kind = 'phone' and i.lookup = decode(p_friend->>'lookup', 'hex') and i.user_id = g.user_id for share
    returning * into m;
    if m.id is null then
        return 'none';  -- the number has another reader since it was looked up
    end if;
    perform billing.family_tell(m.user_id, 'family_invited', m, 'notice');
    perform ops.audit_put('user:' || p_user_id, 'family.invited', 'user:' || m.user_id, jsonb_build_object('place', m.id, 'way', p_channel));
    return 'ok';
end $$;
comment on function billing.family_invite_once(bigint, bigint, jsonb, text) is 'The body of billing.family_invite.';

create or replace function billing.family_invite(p_user_id bigint, p_identity_id bigint, p_friend jsonb, p_step_key text, p_channel text)
returns table (outcome text, places int) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'family_invite');
begin
    if v is null then
        v := jsonb_build_object('outcome', billing.family_invite_once(p_user_id, p_identity_id, p_friend, p_channel));
        v := v || jsonb_build_object('places', billing.family_places(p_user_id));
        perform ops.step_end(p_step_key, 'family_invite', v);
    end if;
    return query select r.* from jsonb_to_record(v) as r(outcome text, places int);
end $$;
comment on function billing.family_invite(bigint, bigint, jsonb, text, text) is
'A host asks a number into his family; friend as in billing.gift_to. The number hears of it by SMS, unless it said STOP: the answer tells nothing of that.
outcome: ok | full (no place is left) | none (no pass of a family runs) | known (she is in, or asked already) | self | abroad | limited (twelve in thirty days, or this number said no to this host in them). places: how many are left. Idempotent by step (S2).';

create or replace function billing.family_places(p_user_id bigint) returns int language plpgsql stable as $$
begin
    return greatest(0, coalesce((select p.members from billing.plan p where p.id = (billing.family_pass(p_user_id, 1, ops.now())).plan_id), 0)
        - (select count(*) from billing.family_member m where m.host_id = p_user_id and m.state <> 'ended' and billing.family_fresh(m)));
end $$;
comment on function billing.family_places(bigint) is 'Places that are left in the family of a host; 0 when no pass of a family runs.';

create or replace function billing.family_role(p_user_id bigint) returns table (role text, member_id bigint) language plpgsql stable as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_place bigint := (select m.id from billing.family_member m where m.user_id = p_user_id and m.state = 'member');
    v_own boolean := exists (select 1 from billing.entitlement e where e.user_id = p_user_id and e.ends_at > v_now);
begin
    return query select case when (billing.family_pass(p_user_id, 1, v_now)).id is not null then 'host' when v_own and v_place is not null then 'both'
        when v_own then 'own' when v_place is not null then 'member' else '' end, v_place;
end $$;
comment on function billing.family_role(bigint) is
'What a reader may do about passes: role host (she has the pass of a family) | both (a pass of her own, and a place in a family) | own | member | ''''; member_id: her place.';

create or replace function billing.family_asked(p_user_id bigint, p_lang text) returns table (member_id bigint, label text) language plpgsql stable as $$
#variable_conflict use_column
begin
    return query
    select m.id, billing.family_plan_text(m.host_id, p_lang) from billing.family_member m
    where m.user_id = p_user_id and m.state = 'invited' and billing.family_fresh(m)
      and (billing.family_pass(m.host_id, m.seat, ops.now())).id is not null
    order by m.invited_at, m.id limit 1;
end $$;
comment on function billing.family_asked(bigint, text) is 'The oldest invitation that waits for a reader''s answer, and the plan''s name. No row: none.';

create or replace function billing.family_join_once(p_user_id bigint, p_identity_id bigint, p_member_id bigint, p_consent text, p_channel text)
returns text language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    m billing.family_member;
    o billing.family_member;
begin
    perform 1 from auth.users u where u.id = p_user_id for no key update;
    select * into m from billing.family_member x where x.id = p_member_id and x.user_id = p_user_id for update;
    if m.id is not null and m.state = 'member' then
        return 'ok';
    elsif m.id is null or not billing.family_fresh(m) or (billing.family_pass(m.host_id, 1, v_now)).id is null
          or not exists (select 1 from auth.holder(p_identity_id, p_user_id)) then
        return 'none';
    elsif (billing.family_pass(m.host_id, m.seat, v_now)).id is null then
        return 'full';
    end if;
    select * into o from billing.family_member x where x.user_id = p_user_id and x.state = 'member';
    if o.id is not null and (billing.family_pass(o.host_id, o.seat, v_now)).id is not null then
        return 'elsewhere';
    end if;
    if o.id is not null then
        update billing.family_member set state = 'ended', ended_at = v_now, ended_why = 'lapsed' where id = o.id;
        perform billing.family_tell(o.host_id, 'family_left', o, 'notice');
    end if;
    update billing.family_member set state = 'member', joined_at = v_now, consent = left(p_consent, 480), channel = p_channel, identity_id = p_identity_id
    where id = m.id returning * into m;
    perform billing.family_tell(m.host_id, 'family_joined', m, 'notice');
    return 'ok';
end $$;
comment on function billing.family_join_once(bigint, bigint, bigint, text, text) is 'The body of billing.family_join.';

create or replace function billing.family_join(p_user_id bigint, p_identity_id bigint, p_member_id bigint, p_consent text, p_step_key text,
                                               p_channel text)
returns table (outcome text, label text, until timestamptz, until_text text) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'family_join');
    v_lang text := (select u.lang from auth.users u where u.id = p_user_id);
    e billing.entitlement;
begin
    if v is null then
        v := jsonb_build_object('outcome', billing.family_join_once(p_user_id, p_identity_id, p_member_id, p_consent, p_channel));
        if v->>'outcome' = 'ok' then
            e := billing.pass_of(p_user_id, ops.now());
            v := billing.pass_json('ok', e, v_lang);
        end if;
        perform ops.step_end(p_step_key, 'family_join', v);
    end if;
    return query select r.* from jsonb_to_record(v) as r(outcome text, label text, until timestamptz, until_text text);
end $$;
comment on function billing.family_join(bigint, bigint, bigint, text, text, text) is
'She who was asked says yes to the words in consent; the host is told. outcome: ok (the pass she reads under: her own while it runs) | none (no such invitation: taken back, a week old, or the host''s pass is over) | full (the host''s present plan has fewer places) | elsewhere (she reads in another family whose pass runs; one that lapsed is left by this). Idempotent by step (S2).';

create or replace function billing.family_end(p_user_id bigint, p_member_id bigint, p_step_key text, p_channel text) returns table (outcome text)
language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'family_end');
    v_now timestamptz := ops.now();
    v_why text;
    m billing.family_member;
begin
    if v is null then
        select * into m from billing.family_member x where x.id = p_member_id;
        perform 1 from auth.users u where u.id = m.user_id for no key update;
        select * into m from billing.family_member x where x.id = p_member_id and x.state <> 'ended' for update;
        v_why := case when m.user_id = p_user_id then case m.state when 'member' then 'left' else 'declined' end
                      when m.host_id = p_user_id then case m.state when 'member' then 'removed' else 'withdrawn' end end;
        v := jsonb_build_object('outcome', coalesce(v_why, 'none'));
        if v_why is not null then
            update billing.family_member set state = 'ended', ended_at = v_now, ended_why = v_why where id = m.id;
            perform ops.audit_put('user:' || p_user_id, 'family.' || v_why, 'user:' || m.user_id, jsonb_build_object('place', m.id, 'way', p_channel));
            if v_why in ('left', 'declined') then
                perform billing.family_tell(m.host_id, 'family_' || v_why, m, 'notice');
            elsif v_why = 'removed' then
                perform billing.family_tell(m.user_id, 'family_removed', m, 'notice');
            end if;
        end if;
        perform ops.step_end(p_step_key, 'family_end', v);
    end if;
    return query select v->>'outcome';
end $$;
comment on function billing.family_end(bigint, bigint, text, text) is
'A place ends, by her who has it or by its host; who did not end it is told, but not of an invitation that its host took back. outcome: declined | left | withdrawn | removed | none (nothing of this reader''s, or over already). Idempotent by step (S2).';

create or replace function billing.family_word(p_user_id bigint, p_identity_id bigint, p_yes boolean) returns table (outcome text, message_id bigint)
language plpgsql as $$
#variable_conflict use_column
declare
    v_lang text := (select u.lang from auth.users u where u.id = p_user_id);
    a record;
    v_end text;
    m billing.family_member;
begin
    select * into a from billing.family_asked(p_user_id, v_lang);
    if a.member_id is null then
        return;
    elsif p_yes then
        v_end := billing.family_join_once(p_user_id, p_identity_id, a.member_id, messaging.render('family_invited', v_lang, jsonb_build_object(
            'plan', a.label, 'dial', (select messaging.dial_code_of(i.country) from auth.identity i where i.id = p_identity_id))), 'sms');
    else
        select x.outcome into v_end from billing.family_end(p_user_id, a.member_id, null, 'sms') x;
    end if;
    select * into m from billing.family_member x where x.id = a.member_id;
    return query select v_end, billing.family_tell(p_user_id, case v_end when 'ok' then 'family_in' when 'declined' then 'family_no' else 'menu' end, m, 'reply');
end $$;
comment on function billing.family_word(bigint, bigint, boolean) is
'A reader''s yes or no by SMS to the invitation that waits longest, and its reply; the consent is the invitation''s own words. No row: nobody asked her.';

create or replace function billing.family_list(p_user_id bigint, p_lang text)
returns table (member_id bigint, role text, state text, mark text, label text, since timestamptz) language plpgsql stable as $$
#variable_conflict use_column
begin
    return query
    select m.id, 'host', m.state, m.mark, coalesce(billing.family_plan_text(p_user_id, p_lang), ''), coalesce(m.joined_at, m.invited_at)
    from billing.family_member m
    where m.host_id = p_user_id and m.state <> 'ended' and billing.family_fresh(m)
    order by m.seat;
    return query
    select m.id, 'member', m.state, '', coalesce(billing.family_plan_text(m.host_id, p_lang), ''), coalesce(m.joined_at, m.invited_at)
    from billing.family_member m
    where m.user_id = p_user_id and m.state <> 'ended' and billing.family_fresh(m)
    order by m.invited_at;
end $$;
comment on function billing.family_list(bigint, text) is
'Places that concern a reader: those of her own family (role host; mark: the last two digits of each number), then what she is asked into or reads in (role member). label: the plan, '''' while the host has no pass of a family.';

create or replace function billing.family_move(p_from bigint, p_to bigint) returns void language plpgsql as $$
declare
    m billing.family_member;
begin
    for m in select * from billing.family_member x where x.user_id = p_from and x.state <> 'ended' loop
        if m.host_id = p_to or exists (select 1 from billing.family_member y where y.user_id = p_to and y.host_id = m.host_id and y.state <> 'ended')
           or m.state = 'member' and exists (select 1 from billing.family_member y where y.user_id = p_to and y.state = 'member') then
            update billing.family_member set state = 'ended', ended_at = ops.now(), ended_why = 'moved' where id = m.id;
        else
            update billing.family_member set user_id = p_to where id = m.id;
        end if;
    end loop;
    update billing.family_member set state = 'ended', ended_at = ops.now(), ended_why = 'moved' where host_id = p_from and state <> 'ended';
end $$;
comment on function billing.family_move(bigint, bigint) is
'What the reader of a number was asked into before she came to it goes on with her, where she has no place of her own (auth.number_merge).';

create or replace function billing.family_recycle(p_identity_id bigint) returns void language plpgsql as $$
declare
    m billing.family_member;
begin
    for m in select x.* from auth.identity i join billing.family_member x on x.user_id = i.user_id and x.state <> 'ended'
             where i.id = p_identity_id and x.identity_id = i.id loop
        update billing.family_member set state = 'ended', ended_at = ops.now(), ended_why = 'recycled' where id = m.id;
        if m.state = 'member' then
            perform billing.family_tell(m.host_id, 'family_left', m, 'notice');
        end if;
    end loop;
end $$;
comment on function billing.family_recycle(bigint) is 'A number has a new holder: the place that it was asked into is free, and its host is told.';
