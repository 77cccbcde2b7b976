-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user
-- cols: outcome
-- outcomes: waiting stuck
-- stuck: the payment has had no answer for so long that its reader may pay another way (I1).
select case when billing.is_stuck($1::bigint) then 'stuck' else 'waiting' end as outcome
