-- SPDX-License-Identifier: Apache-2.0
-- Whether the reader's pass renews itself, or may. $1, $2: session and reader of the token. No row: the session has ended.
select o.outcome as state, o.plan_id as plan, o.price_id as price, nullif(o.label, '') as label, nullif(o.period, '') as period, o.amount_minor,
       o.currency, o.amount_text, o.rail
from auth.session_user($1::uuid, $2::uuid) me
join auth.session s on s.id = $1::uuid
cross join lateral billing.auto_offer(me.user_id, s.identity_id, me.lang) o
