-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user lang
-- cols: outcome plan_label until_text seg_left pass_until
-- outcomes: active pending none
select p.outcome, p.label as plan_label, p.until_text, p.seg_left_day as seg_left,
       coalesce(p.until::text, '') as pass_until
from billing.my_pass($1::bigint, $2) p
