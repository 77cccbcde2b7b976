-- SPDX-License-Identifier: Apache-2.0
-- $1, $2: session and reader of the token; $3, $4: plan and price of /plans; $5: the client's own key of this purchase; $6: the words she agreed to.
-- No row: the session has ended.
select c.outcome as state, c.our_ref as reference, c.amount_minor, c.currency, c.hint, c.rail
from auth.session_user($1::uuid, $2::uuid) me
join auth.session s on s.id = $1::uuid
cross join lateral billing.start_charge(me.user_id, s.identity_id, $3::bigint, $4::bigint, 'rest:' || me.user_id || ':' || $5, $6, 'rest') c
