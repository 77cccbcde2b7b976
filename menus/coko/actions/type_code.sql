-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- code: otp
-- args: user lang step
-- cols: outcome plan_label until_text seg_left pass_until
-- outcomes: paid wrong locked declined slow away waiting none
-- Asked after the code went to the rail, or after the time that its answer is waited for. The code is no argument (S5).
select s.outcome, p.label as plan_label, p.until_text, p.seg_left_day as seg_left, coalesce(p.until::text, '') as pass_until
from billing.code_state($1::bigint, $3) s(outcome), lateral billing.my_pass($1::bigint, $2) p
