-- SPDX-License-Identifier: Apache-2.0
-- $1, $2: session and reader of the token; $3: the client's own key.
select c.outcome as state
from auth.session_user($1::uuid, $2::uuid) me
cross join lateral billing.supersede_charge(me.user_id, 'rest:' || me.user_id || ':' || $3) c
