-- SPDX-License-Identifier: Apache-2.0
create or replace function auth.request_otp(p_lookup bytea, p_sealed bytea, p_key_id int, p_country text, p_network text,
                                            p_otp_hash bytea, p_otp_body_sealed bytea, p_ip_hash bytea)
returns table (outcome text, retry_after_s int, request_id uuid) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_identity bigint;
    v_user bigint;
    v_until timestamptz;
    v_request uuid;
begin
    select f.identity_id, f.user_id into v_identity, v_user
    from auth.identity_find(p_lookup, p_sealed, p_key_id, p_country, p_network, '') f;
    perform 1 from auth.identity where id = v_identity for no key update;
    if p_ip_hash is not null then
        perform pg_advisory_xact_lock(hashtextextended('otp-ip' || encode(p_ip_hash, 'hex'), 26));
    end if;
    -- The oldest request that keeps a window full says when the window opens again.
    select max(w.until) into v_until from (
        (select o.created_at + interval '10 minutes' as until from auth.otp_request o
         where o.identity_id = v_identity and o.created_at > v_now - interval '10 minutes'
         order by o.created_at desc offset 2 limit 1)
        union all
        (select o.created_at + interval '1 day' from auth.otp_request o
         where o.identity_id = v_identity and o.created_at > v_now - interval '1 day'
         order by o.created_at desc offset 9 limit 1)
        union all
        (select o.created_at + interval '1 hour' from auth.otp_request o
         where o.ip_hash = p_ip_hash and o.created_at > v_now - interval '1 hour'
         order by o.created_at desc offset 19 limit 1)) w;
    if v_until is not null then
        return query select 'limited', greatest(ceil(extract(epoch from v_until - v_now))::int, 1), null::uuid;
        return;
    end if;
    update auth.otp_request set expires_at = v_now
    where identity_id = v_identity and created_at > v_now - interval '1 day' and used_at is null and expires_at > v_now;
    insert into auth.otp_request (identity_id, otp_hash, ip_hash, created_at, expires_at)
    values (v_identity, p_otp_hash, p_ip_hash, v_now, v_now + interval '10 minutes')
    returning public_id into v_request;
    insert into messaging.message (account, identity_id, user_id, kind, priority, body_sealed, lang, due_at, expires_at, created_at)
    select messaging.account_for(i.country, i.network), i.id, i.user_id, 'otp', 0, p_otp_body_sealed, u.lang,
        v_now, v_now + interval '10 minutes', v_now
    from auth.identity i join auth.users u on u.id = i.user_id
    where i.id = v_identity;
    return query select 'sent', 0, v_request;
end $$;
comment on function auth.request_otp(bytea, bytea, int, text, text, bytea, bytea, bytea) is
'outcome: sent (request_id; the sealed message is queued) | limited (retry_after_s): 3 in 10 min and 10 a day a number, 20 an hour an address. A new request ends the earlier ones: only the last code is valid. Ten minutes of life.';
