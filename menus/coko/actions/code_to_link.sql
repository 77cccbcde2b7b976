-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user lang step
-- cols: outcome hint
-- outcomes: ok none
select o.outcome, billing.live_hint($1::bigint, $2) as hint
from billing.code_to_link($1::bigint, $3) o(outcome)
