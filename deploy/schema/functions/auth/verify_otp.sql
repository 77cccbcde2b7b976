-- SPDX-License-Identifier: Apache-2.0
create or replace function auth.verify_otp(p_request_id uuid, p_lookup bytea, p_otp_hash bytea, p_refresh_hash bytea, p_user_agent text)
returns table (outcome text, user_id bigint, public_id uuid, session_id uuid, tries_left int) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_max constant int := 5;
    o auth.otp_request;
    u auth.users;
    v_session uuid;
begin
    select r.* into o from auth.otp_request r
    join auth.identity i on i.id = r.identity_id and i.kind = 'phone' and i.lookup = p_lookup
    where r.public_id = p_request_id
    for update of r;
    if o.id is null then
        return query select 'expired', null::bigint, null::uuid, null::uuid, 0;
    elsif o.tries >= v_max then
        return query select 'locked', null::bigint, null::uuid, null::uuid, 0;
    elsif o.used_at is not null or o.expires_at <= v_now then
        return query select 'expired', null::bigint, null::uuid, null::uuid, 0;
    elsif o.otp_hash is distinct from p_otp_hash then
        update auth.otp_request set tries = o.tries + 1 where id = o.id;
        return query select case when o.tries + 1 >= v_max then 'locked' else 'wrong' end,
            null::bigint, null::uuid, null::uuid, v_max - o.tries - 1;
    else
        update auth.otp_request set used_at = v_now where id = o.id;
        update auth.identity set verified_at = coalesce(verified_at, v_now), last_seen_at = v_now where id = o.identity_id;
        select us.* into u from auth.users us join auth.identity i on i.user_id = us.id where i.id = o.identity_id;
        insert into auth.session (user_id, identity_id, refresh_hash, user_agent, created_at, last_seen_at, expires_at)
        values (u.id, o.identity_id, p_refresh_hash, left(coalesce(p_user_agent, ''), 200), v_now, v_now, v_now + interval '30 days')
        returning id into v_session;
        return query select 'ok', u.id, u.public_id, v_session, v_max - o.tries;
    end if;
end $$;
comment on function auth.verify_otp(uuid, bytea, bytea, bytea, text) is
'outcome: ok (session made) | wrong (tries_left) | locked (five wrong tries, counted one by one under the row''s lock) | expired (too late, used, replaced, or not of this number). The hash is keyed with number and request, so comparing it here leaks nothing.';
