-- SPDX-License-Identifier: Apache-2.0
create or replace function auth.session_user(p_session uuid, p_user uuid)
returns table (user_id bigint, lang text, country char(2)) language sql stable as $$
    select u.id, u.lang, u.country
    from auth.session s
    join auth.users u on u.id = s.user_id
    where s.id = p_session and s.revoked_at is null and s.expires_at > ops.now()
      and u.public_id = p_user and u.status = 'active'
$$;
comment on function auth.session_user(uuid, uuid) is
'The reader of a live session: session id and public id as an access token names them. No row: ended, revoked, suspended, or not hers. Every REST read of a reader starts from it (R2).';
