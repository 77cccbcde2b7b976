-- SPDX-License-Identifier: Apache-2.0
-- $1, $2: session and reader of the token; $3, $4: plan and price of /auto-renewal; $5: the client's own key; $6: the words she agreed to.
select a.outcome as state, a.amount_minor, a.currency, nullif(a.hint, '') as hint
from auth.session_user($1::uuid, $2::uuid) me
join auth.session s on s.id = $1::uuid
cross join lateral billing.auto_ask(me.user_id, s.identity_id, $3::bigint, $4::bigint, 'rest:' || me.user_id || ':' || $5, $6, 'rest') a
