-- SPDX-License-Identifier: Apache-2.0
-- $1, $2: session and reader of the token. No row: the session has ended.
select f.member_id as member, f.role, f.state, nullif(f.mark, '') as mark, nullif(f.label, '') as label, f.since at time zone 'utc' as since
from auth.session_user($1::uuid, $2::uuid) me
left join lateral billing.family_list(me.user_id, me.lang) f on true
