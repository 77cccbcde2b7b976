-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: identity
-- cols: morning evening
select to_char(d.morning, 'HH24:MI') as morning, to_char(d.evening, 'HH24:MI') as evening
from auth.identity i, messaging.daily_slots(i.country) d
where i.id = $1::bigint
