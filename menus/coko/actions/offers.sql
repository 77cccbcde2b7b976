-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user lang
-- cols: id label price plan_label amount period
select o.plan_id as id, o.label || ' : ' || o.amount_text as label, o.price_id as price,
       o.label as plan_label, o.amount_text as amount, o.period
from billing.offers($1::bigint, $2) o
