-- SPDX-License-Identifier: Apache-2.0
-- The text of the code's message in the reader's language (or her country's), with {code} left in it, and the number's network.
-- $1: keyed hash of the number; $2: its first digits; $3: country. No row: a country that is not served.
select messaging.render('otp', l.lang, '{"minutes": "10"}'::jsonb) as body, coalesce(n.network, '') as network
from ops.country c
cross join lateral (
    select coalesce((select u.lang from auth.identity i join auth.users u on u.id = i.user_id
                     where i.kind = 'phone' and i.lookup = $1::bytea), c.lang) as lang) l
left join lateral (
    select p.network from ops.network_prefix p
    where p.prefix in (left($2::text, 4), left($2::text, 5), left($2::text, 6), left($2::text, 7)) and p.country = c.code
    order by length(p.prefix) desc limit 1) n on true
where c.code = $3::text
