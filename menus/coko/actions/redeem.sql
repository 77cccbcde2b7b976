-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user identity paper_code:code step
-- cols: outcome plan_label until_text pass_until
-- outcomes: granted yours used over unknown limited
select r.outcome, coalesce(r.label, '') as plan_label, coalesce(r.until_text, '') as until_text, coalesce(r.until::text, '') as pass_until
from billing.redeem($1::bigint, $2::bigint, $3::bytea[], $4, 'ussd') r
