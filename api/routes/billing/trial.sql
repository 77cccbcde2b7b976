-- SPDX-License-Identifier: Apache-2.0
-- $1, $2: session and reader of the token; $3: the client's own key; $4: the words she agreed to.
select t.outcome as state, t.label, t.until at time zone 'utc' as until
from auth.session_user($1::uuid, $2::uuid) me
join auth.session s on s.id = $1::uuid
cross join lateral billing.start_trial(me.user_id, s.identity_id, $4, 'rest:' || me.user_id || ':' || $3, 'rest') t
