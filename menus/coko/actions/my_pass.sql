-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user lang identity
-- cols: outcome plan_label until_text seg_left pass_until hint auto place
-- outcomes: active host member pending grace none
-- host: others may read under it; member: it is another's, and place is hers in it.
-- auto: offer (her pass may renew itself) | on (it does, or her wallet is being asked) | pass (it may not) | none.
select case when p.outcome = 'active' and r.role in ('host', 'member') then r.role else p.outcome end as outcome,
       p.label as plan_label, p.until_text, p.seg_left_day as seg_left,
       coalesce(p.until::text, '') as pass_until,
       case when p.outcome = 'pending' then billing.live_hint($1::bigint, $2) else '' end as hint,
       case when a.outcome in ('asked', 'on') then 'on' when p.until is null then 'none'
            when a.outcome = 'offer' then 'offer' else 'pass' end as auto,
       coalesce(r.member_id::text, '') as place
from billing.my_pass($1::bigint, $2) p, billing.auto_offer($1::bigint, $3::bigint, $2) a, billing.family_role($1::bigint) r
