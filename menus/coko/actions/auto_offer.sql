-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user identity lang
-- cols: outcome plan price plan_label amount period
-- outcomes: offer asked on none
select o.outcome, coalesce(o.plan_id::text, '') as plan, coalesce(o.price_id::text, '') as price, o.label as plan_label,
       coalesce(o.amount_text, '') as amount, o.period
from billing.auto_offer($1::bigint, $2::bigint, $3) o
