-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user identity plan price step consent
-- cols: outcome hint
-- outcomes: created pending active price_changed no_rail
-- The consent is the very screen the reader accepted.
select c.outcome, coalesce(c.hint, '') as hint
from billing.start_charge($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5, $6, 'ussd') c
