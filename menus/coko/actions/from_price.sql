-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user lang
-- cols: from_price
select o.amount_text as from_price from billing.offers($1::bigint, $2) o
order by o.amount_minor limit 1
