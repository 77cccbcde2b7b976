-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user lang
-- cols: outcome plan_label until_text seg_left pass_until hint
-- outcomes: active pending grace none
select p.outcome, p.label as plan_label, p.until_text, p.seg_left_day as seg_left,
       coalesce(p.until::text, '') as pass_until,
       case when p.outcome = 'pending' then billing.live_hint($1::bigint, $2) else '' end as hint
from billing.my_pass($1::bigint, $2) p
