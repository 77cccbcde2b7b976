-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user plan
-- cols: outcome left_days more_days
-- outcomes: plain better
-- What a better pass would make of the days that are left of the one that runs.
select case when t.days is null then 'plain' else 'better' end as outcome, coalesce(t.days, 0) as left_days, coalesce(t.plan_days, 0) as more_days
from (select 1) one left join billing.taken_over($1::bigint, $2::bigint) t on true
