-- SPDX-License-Identifier: Apache-2.0
-- $1, $2: session and reader of the token; $3: hashes of the code; $4: the client's own key.
select r.outcome as state, r.label, r.until at time zone 'utc' as until
from auth.session_user($1::uuid, $2::uuid) me
join auth.session s on s.id = $1::uuid
cross join lateral billing.redeem(me.user_id, s.identity_id, $3::bytea[], 'rest:' || me.user_id || ':' || $4, 'rest') r
