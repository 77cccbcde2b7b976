-- SPDX-License-Identifier: Apache-2.0
-- When nothing comes unasked in a country, on its own clock. A careful start and no legal advice: THE OPERATOR CHECKS THE
-- LAW and the carrier's contract of each country and updates its row; a row that is there is never put back over a change.
-- Notices and daily instalments keep to these hours, and the menu offers a morning after them (messaging.daily_slots). Codes,
-- receipts of payments, and what answers a reader's own word (SUITE, REPETER, LIRE, a choice on the screen) come at any hour.
insert into messaging.quiet_hours (country, time_zone, quiet_from, quiet_to)
select c.code, c.time_zone, q.quiet_from::time, q.quiet_to::time
from (values
    ('SN', '21:00', '08:00'), ('CI', '21:00', '08:00'), ('ML', '21:00', '08:00'), ('BF', '21:00', '08:00'),
    ('BJ', '21:00', '08:00'), ('TG', '21:00', '08:00'), ('GN', '21:00', '08:00'), ('NE', '21:00', '08:00'),
    ('CM', '21:00', '08:00'), ('GH', '21:00', '08:00'), ('NG', '21:00', '08:00'), ('KE', '21:00', '08:00'),
    ('TZ', '21:00', '08:00'), ('UG', '21:00', '08:00'), ('MZ', '21:00', '08:00'), ('AO', '21:00', '08:00'),
    ('GW', '21:00', '08:00')
) q(country, quiet_from, quiet_to)
join ops.country c on c.code = q.country
on conflict (country) do nothing;
