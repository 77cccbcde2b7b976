-- SPDX-License-Identifier: Apache-2.0
-- $1, $2: session and reader of the token; $3: the place; $4: the client's own key.
select f.outcome as state
from auth.session_user($1::uuid, $2::uuid) me
cross join lateral billing.family_end(me.user_id, $3::bigint, 'rest:' || me.user_id || ':' || $4, 'rest') f
