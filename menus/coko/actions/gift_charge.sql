-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: friend_user identity plan price step consent test
-- cols: outcome hint amount
-- outcomes: created code pending price_changed wait no_rail
-- A gift is paid by the identity that dialled, for another reader; credit is for one's own purchases.
select c.outcome, coalesce(c.hint, '') as hint, coalesce(billing.money_text(c.amount_minor, c.currency), '') as amount
from (select 1 where coalesce($7, '') = '') for_real,
     lateral billing.start_charge($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5, $6, 'ussd') c
union all
select 'no_rail', '', '' where coalesce($7, '') <> ''
