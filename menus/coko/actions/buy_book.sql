-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user identity book price step consent test
-- cols: outcome hint amount
-- outcomes: created paid code pending active price_changed wait no_rail
select c.outcome, coalesce(c.hint, '') as hint, coalesce(billing.money_text(c.amount_minor, c.currency), '') as amount
from (select 1 where coalesce($7, '') = '') for_real,
     lateral billing.buy_book($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5, $6, 'ussd') c
union all
select 'no_rail', '', '' where coalesce($7, '') <> ''
