-- SPDX-License-Identifier: Apache-2.0
-- $1, $2: session and reader of the token; $3: the client's own key.
select c.outcome as state
from auth.session_user($1::uuid, $2::uuid) me
join auth.session s on s.id = $1::uuid
cross join lateral billing.cancel_renewal(me.user_id, s.identity_id, 'rest:' || me.user_id || ':' || $3, 'rest') c
