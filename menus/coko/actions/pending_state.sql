-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user lang
-- cols: outcome amount link
-- outcomes: waiting stuck code checking
-- stuck: the payment has had no answer for so long that its reader may pay another way (I1). code: it waits for her code; checking: the rail has it.
select case when billing.is_stuck($1::bigint) then 'stuck' else coalesce(nullif(l.stage, 'charge'), 'waiting') end as outcome,
       coalesce(l.amount_text, '') as amount, coalesce(l.link, '') as link
from (select 1) one left join billing.live_stage($1::bigint, $2) l on true
