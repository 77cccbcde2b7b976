-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user identity wallet
-- cols: outcome
-- outcomes: ok unknown
select c.outcome from billing.choose_wallet($1::bigint, $2::bigint, $3) c
