-- SPDX-License-Identifier: Apache-2.0
-- The text of the code's message in the reader's language (or her country's), with {code} left in it, and what
-- auth.identity_find takes as a network of which nobody has said anything.
-- $1: keyed hash of the number; $2: its first digits; $3: country. No row: a country that is not served.
select messaging.render('otp', l.lang, '{"minutes": "10"}'::jsonb) as body, '+' || $2::text as network
from ops.country c
cross join lateral (
    select coalesce((select u.lang from auth.identity i join auth.users u on u.id = i.user_id
                     where i.kind = 'phone' and i.lookup = $1::bytea), c.lang) as lang) l
where c.code = $3::text
