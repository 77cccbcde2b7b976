-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- repeat: safe
-- args: identity user lang
-- cols: outcome place plan_label
-- outcomes: ok invited
-- Who was asked into a family before her first dial finds the question after the welcome.
select case when f.member_id is null then w.outcome else 'invited' end as outcome, f.member_id as place, f.label as plan_label
from auth.welcomed($1::bigint) w
left join lateral billing.family_asked($2::bigint, $3) f on true
