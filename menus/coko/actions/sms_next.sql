-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user identity book step
-- cols: outcome segments
-- outcomes: queued stopped locked allowance end none busy
select m.outcome, m.segments
from messaging.enqueue_instalment($1::bigint, $2::bigint, $3::bigint, $4) m
