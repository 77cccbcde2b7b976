-- SPDX-License-Identifier: Apache-2.0
-- The code for the day a number is lost. It is made where the keys are (gateway/jobs/recovery.c), leaves in one sealed
-- message and stands nowhere in clear (S5); here it is its keyed hash.

create or replace function auth.recovery_want(p_identity_id bigint, p_after interval) returns void language plpgsql as $$
begin
    insert into auth.recovery_code as r (identity_id, wanted_at) values (p_identity_id, ops.now() + p_after)
    on conflict (identity_id) do update set wanted_at = least(r.wanted_at, excluded.wanted_at);
end $$;
comment on function auth.recovery_want(bigint, interval) is
'A new code is to be made and sent to this phone after a while. The one it has opens until then, and dies with the new one.';

create or replace function auth.recovery_first(p_users bigint[]) returns void language plpgsql as $$
begin
    -- The receipt first: it is what the reader waits for.
    insert into auth.recovery_code (identity_id, wanted_at)
    select p.id, ops.now() + interval '10 minutes'
    from unnest(p_users) u(id)
    cross join lateral (select i.id from auth.identity i where i.user_id = u.id and i.kind = 'phone' and i.gone_at is null
                        order by i.last_seen_at desc, i.id limit 1) p
    -- One look by index a reader; NOT EXISTS would be joined, and read the table.
    where (select r.identity_id from auth.recovery_code r
           where r.identity_id = any (array(select i.id from auth.identity i where i.user_id = u.id)) limit 1) is null
    on conflict (identity_id) do nothing;
end $$;
comment on function auth.recovery_first(bigint[]) is
'With readers'' first purchases: from now on each has something to lose, so a code is made for her, unless she has or had one.';

create or replace function auth.recovery_ask(p_identity_id bigint, p_step_key text) returns table (outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'recovery');
    i auth.identity;
begin
    if v is null then
        select * into i from auth.identity where id = p_identity_id for share;
        if i.gone_at is not null or exists (select 1 from auth.recovery_code r where r.identity_id = p_identity_id
                                            and r.made_at > ops.now() - interval '1 hour') then
            v := '{"outcome": "limited"}';
        else
            perform auth.recovery_want(p_identity_id, interval '0');
            v := '{"outcome": "asked"}';
        end if;
        perform ops.step_end(p_step_key, 'recovery', v);
    end if;
    return query select v->>'outcome';
end $$;
comment on function auth.recovery_ask(bigint, text) is
'The reader wants a code, or a new one for the one that she no longer has. outcome: asked (it comes by SMS) | limited (one was sent less than an hour ago). Idempotent by step (S2).';

create or replace function auth.recovery_wanted(p_max int) returns table (identity_id bigint, body text) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
begin
    return query
    with due as (
        select r.identity_id from auth.recovery_code r
        where r.wanted_at <= v_now and coalesce(r.lease_until, '-infinity') <= v_now
          and (select i.gone_at is null from auth.identity i where i.id = r.identity_id)
        order by r.wanted_at limit greatest(p_max, 0)
        for update skip locked),
    taken as (
        update auth.recovery_code r set lease_until = v_now + interval '1 minute'
        from due where r.identity_id = due.identity_id returning r.identity_id)
    select t.identity_id, messaging.render('recovery_code', u.lang, jsonb_build_object('dial', messaging.dial_code_of(i.country)))
    from taken t join auth.identity i on i.id = t.identity_id join auth.users u on u.id = i.user_id;
end $$;
comment on function auth.recovery_wanted(int) is
'Phones that wait for a code, each with the text that {recovery} is still to be put into, for a minute''s lease: who dies with them made nothing, and another makes them.';

create or replace function auth.recovery_give(p_codes jsonb) returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    g record;
    v_n int := 0;
begin
    for g in select x.identity, decode(x.mac, 'hex') as mac, decode(x.body, 'hex') as body
             from jsonb_to_recordset(p_codes) as x(identity bigint, mac text, body text) order by x.identity loop
        -- A number that went meanwhile has another holder: he would have her code.
        perform 1 from auth.identity i where i.id = g.identity and i.gone_at is null for no key update;
        continue when not found;
        update auth.recovery_code r set code_mac = g.mac, made_at = v_now, wanted_at = null, lease_until = null
        where r.identity_id = g.identity and r.wanted_at is not null and r.lease_until is not null;
        continue when not found;
        insert into messaging.message (account, identity_id, user_id, kind, priority, body_sealed, lang, due_at, expires_at, created_at)
        select messaging.account_for(i.country, i.network), i.id, i.user_id, 'otp', 1, g.body, u.lang, v_now, v_now + interval '24 hours', v_now
        from auth.identity i join auth.users u on u.id = i.user_id
        where i.id = g.identity;
        v_n := v_n + 1;
    end loop;
    return v_n;
end $$;
comment on function auth.recovery_give(jsonb) is
'Codes as [{identity, mac, body}] in hex: the keyed hash under the current key, and the sealed message. The earlier code of a phone dies here. The message is wiped as every other code''s, once accepted or expired (S5). A phone whose code somebody else made meanwhile keeps that one. Returns how many were given.';
