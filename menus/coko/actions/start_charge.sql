-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user identity plan price step consent test
-- cols: outcome hint amount
-- outcomes: created paid code pending active price_changed wait no_rail
-- The consent is the very screen the reader accepted. A carrier's own trial meets no rail.
select c.outcome, coalesce(c.hint, '') as hint, coalesce(billing.money_text(c.amount_minor, c.currency), '') as amount
from (select 1 where coalesce($7, '') = '') for_real,
     lateral billing.start_charge($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5, $6, 'ussd') c
union all
select 'no_rail', '', '' where coalesce($7, '') <> ''
