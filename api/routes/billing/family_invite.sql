-- SPDX-License-Identifier: Apache-2.0
-- $1, $2: session and reader of the token; $3: the number, sealed; $4: the client's own key.
select f.outcome as state, f.places
from auth.session_user($1::uuid, $2::uuid) me
join auth.session s on s.id = $1::uuid
cross join lateral billing.family_invite(me.user_id, s.identity_id, $3::jsonb, 'rest:' || me.user_id || ':' || $4, 'rest') f
