-- SPDX-License-Identifier: Apache-2.0
-- Persons who decide in their own name: how one joins, and how one is known again.

create or replace function auth.staff_who(p_keys bytea[], p_role text, p_operator text, p_what text) returns text language plpgsql as $$
declare
    v_name text;
begin
    select s.name into v_name
    from auth.staff s
    join auth.users u on u.id = s.user_id and u.status = 'active'
    join auth.user_role r on r.user_id = s.user_id and r.role = p_role
    where s.key_mac = any (p_keys) and s.active_at is not null and s.closed_at is null;
    if v_name is null then
        perform ops.audit_put('operator:' || p_operator, 'alert.staff_refused', p_what, '{}');
    end if;
    return v_name;
end $$;
comment on function auth.staff_who(bytea[], text, text, text) is
'The active person of this role whose secret has one of these keyed hashes, by name; null, and an alert that names the operator''s account and what was wanted: nobody. The secret is the whole proof, and no two persons have one (unique): the same secret is the same person.';

create or replace function auth.staff_join(p_name text, p_country text, p_key bytea, p_operator text)
returns table (outcome text, active boolean) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_name text := lower(btrim(p_name));
    v_first boolean;
    v_user bigint;
begin
    lock table auth.staff in share row exclusive mode;
    if v_name !~ '^[a-z][a-z0-9._-]{1,31}$' then
        return query select 'bad_name', false;
        return;
    elsif exists (select 1 from auth.staff s where s.name = v_name) then
        return query select 'taken', false;
        return;
    elsif not exists (select 1 from ops.country k where k.code = p_country) then
        return query select 'no_country', false;
        return;
    end if;
    v_first := (select count(*) < 2 from auth.staff);
    insert into auth.users (lang, country, name, created_at) values (ops.first_language(p_country), p_country, v_name, v_now)
    returning id into v_user;
    insert into auth.user_role (user_id, role, granted_at) values (v_user, 'treasurer', v_now);
    insert into auth.staff (user_id, name, key_mac, joined_at, active_at) values (v_user, v_name, p_key, v_now, case when v_first then v_now end);
    perform ops.audit_put('operator:' || p_operator, 'alert.staff_joined', 'staff:' || v_name, jsonb_build_object('active', v_first));
    return query select 'ok', v_first;
end $$;
comment on function auth.staff_join(text, text, bytea, text) is
'A person joins with a secret that only that person was shown. The first two of an installation are active at once; every later one once two active persons vouched (auth.staff_vouch_for). Each is an alert: a colleague who did not expect it closes it. outcome: ok | taken (names are given once) | bad_name | no_country.';

create or replace function auth.staff_vouch_for(p_keys bytea[], p_name text, p_operator text)
returns table (outcome text, active boolean) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_who text := auth.staff_who(p_keys, 'treasurer', p_operator, 'staff:' || left(lower(btrim(p_name)), 32));
    s auth.staff;
begin
    if v_who is null then
        return query select 'who', false;
        return;
    end if;
    select * into s from auth.staff x where x.name = lower(btrim(p_name)) for update;
    if not found or s.closed_at is not null then
        return query select 'missing', false;
        return;
    elsif s.name = v_who then
        return query select 'same_person', s.active_at is not null;
        return;
    end if;
    insert into auth.staff_vouch (user_id, by_user, at)
    select s.user_id, w.user_id, v_now from auth.staff w where w.name = v_who on conflict do nothing;
    if found then
        perform ops.audit_put(v_who, 'staff.vouched', 'staff:' || s.name, '{}');
    end if;
    update auth.staff x set active_at = v_now
    where x.user_id = s.user_id and x.active_at is null
      and (select count(*) from auth.staff_vouch v join auth.staff w on w.user_id = v.by_user and w.closed_at is null
           where v.user_id = s.user_id) >= 2;
    return query select 'ok', x.active_at is not null from auth.staff x where x.user_id = s.user_id;
end $$;
comment on function auth.staff_vouch_for(bytea[], text, text) is
'An active person says that who joined under this name is that person; the second to say so makes it active. outcome: ok | who (the secret is nobody''s) | missing | same_person.';

create or replace function auth.staff_close(p_keys bytea[], p_name text, p_operator text) returns table (outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    v_who text := auth.staff_who(p_keys, 'treasurer', p_operator, 'staff:' || left(lower(btrim(p_name)), 32));
begin
    if v_who is null then
        return query select 'who';
        return;
    end if;
    update auth.staff x set closed_at = ops.now(), closed_by = v_who where x.name = lower(btrim(p_name)) and x.closed_at is null;
    if not found then
        return query select 'missing';
        return;
    end if;
    delete from auth.user_role r using auth.staff x where x.name = lower(btrim(p_name)) and r.user_id = x.user_id and r.role = 'treasurer';
    perform ops.audit_put(v_who, 'alert.staff_closed', 'staff:' || lower(btrim(p_name)), '{}');
    return query select 'ok';
end $$;
comment on function auth.staff_close(bytea[], text, text) is
'Any active person ends the right of another, or his own, at once and for ever: a key was lost, or somebody left. outcome: ok | who | missing.';

create or replace function auth.staff_list() returns table (name text, state text, joined text, vouched text) language sql stable as $$
    select s.name, case when s.closed_at is not null then 'closed by ' || s.closed_by when s.active_at is null then 'waits' else 'active' end,
        to_char(s.joined_at, 'YYYY-MM-DD HH24:MI'),
        coalesce((select string_agg(w.name, ', ' order by v.at) from auth.staff_vouch v join auth.staff w on w.user_id = v.by_user
                  where v.user_id = s.user_id), '')
    from auth.staff s order by s.joined_at, s.name
$$;
comment on function auth.staff_list() is 'Who may decide about money, who waits to be vouched for, who was closed.';
