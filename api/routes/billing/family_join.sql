-- SPDX-License-Identifier: Apache-2.0
-- $1, $2: session and reader of the token; $3: the place; $4: the client's own key; $5: the words she agreed to.
select f.outcome as state, f.label, f.until at time zone 'utc' as until
from auth.session_user($1::uuid, $2::uuid) me
join auth.session s on s.id = $1::uuid
cross join lateral billing.family_join(me.user_id, s.identity_id, $3::bigint, $5, 'rest:' || me.user_id || ':' || $4, 'rest') f
