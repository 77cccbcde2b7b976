-- SPDX-License-Identifier: Apache-2.0
-- What the reader may buy, at her price. $1, $2: session and reader of the token. No row: the session has ended.
select o.plan_id as plan, o.label, o.period, o.amount_minor, o.currency, o.amount_text, o.price_id as price, o.kind
from auth.session_user($1::uuid, $2::uuid) me
left join lateral (
    select f.plan_id, f.label, f.period, f.amount_minor, f.currency, f.amount_text, f.price_id, 'pass' as kind from billing.offers(me.user_id, me.lang) f
    union all
    select t.plan_id, t.label, t.period, 0, null, null, null, 'trial' from billing.trial_offer(me.user_id, me.lang) t) o on true
