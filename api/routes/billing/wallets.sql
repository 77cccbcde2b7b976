-- SPDX-License-Identifier: Apache-2.0
-- $1, $2: session and reader of the token. No row: the session has ended.
select w.rail, w.label, w.chosen
from auth.session_user($1::uuid, $2::uuid) me
join auth.session s on s.id = $1::uuid
left join lateral billing.wallets(s.identity_id) w on true
