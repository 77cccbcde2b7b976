-- SPDX-License-Identifier: Apache-2.0
-- The reader's pass. $1, $2: session and reader of the token. No row: the session has ended.
select m.outcome as state, nullif(m.label, '') as label, m.until at time zone 'utc' as until,
       m.seg_left_day as segments_left_today, nullif(m.charge_state, '') as charge_state
from auth.session_user($1::uuid, $2::uuid) me
cross join lateral billing.my_pass(me.user_id, me.lang) m
