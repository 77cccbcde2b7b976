-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user step
-- cols: outcome
-- outcomes: ok too_early none
select s.outcome from billing.supersede_charge($1::bigint, $2) s
