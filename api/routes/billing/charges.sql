-- SPDX-License-Identifier: Apache-2.0
-- What the reader paid, for herself or others, the newest first. $1, $2: session and reader of the token; $3: the last row shown; $4: rows.
-- No row at all: the session has ended.
select c.reference, c.state, c.kind, c.label, c.amount_minor, c.credit_minor, c.currency, c.rail, c.gift, c.at, c.key_id
from auth.session_user($1::uuid, $2::uuid) me
left join lateral billing.my_charges(me.user_id, me.lang, $3::bigint, $4::bigint) c on true
order by c.key_id desc
