-- SPDX-License-Identifier: Apache-2.0
-- $1, $2: session and reader of the token; $3: the number, sealed; $4, $5: plan and price; $6: the client's own key; $7: the words she agreed to.
select coalesce(c.outcome, g.outcome) as state, c.our_ref as reference, c.amount_minor, c.currency, c.hint, c.rail
from auth.session_user($1::uuid, $2::uuid) me
join auth.session s on s.id = $1::uuid
cross join lateral billing.gift_to(s.identity_id, $3::jsonb) g
left join lateral billing.start_charge(g.user_id, s.identity_id, $4::bigint, $5::bigint, 'rest:' || me.user_id || ':' || $6, $7, 'rest') c
    on g.outcome = 'ok'
