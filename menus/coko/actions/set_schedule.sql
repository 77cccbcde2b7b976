-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user identity want step
-- cols: outcome
-- outcomes: ok off stopped unknown
select s.outcome from messaging.set_schedule($1::bigint, $2::bigint, $3, $4, 'ussd') s
