-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user step
-- cols: outcome
-- outcomes: ok none
select billing.code_cancel($1::bigint, $2) as outcome
