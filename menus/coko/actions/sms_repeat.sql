-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user identity step
-- cols: outcome segments title
-- outcomes: queued stopped locked allowance none busy
select m.outcome, m.segments, m.title from messaging.repeat_instalment($1::bigint, $2::bigint, $3) m
