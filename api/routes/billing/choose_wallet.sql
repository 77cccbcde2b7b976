-- SPDX-License-Identifier: Apache-2.0
-- $1, $2: session and reader of the token; $3: a rail of /wallets.
select c.outcome as state, nullif(c.label, '') as label
from auth.session_user($1::uuid, $2::uuid) me
join auth.session s on s.id = $1::uuid
cross join lateral billing.choose_wallet(me.user_id, s.identity_id, $3) c
