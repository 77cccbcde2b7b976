-- SPDX-License-Identifier: Apache-2.0
-- 0060 billing: how long a link is left open, which is our decision and not the rail's.
set local lock_timeout = '3s';

alter table billing.rail add column link_s int not null default 43200 check (link_s > 0);
comment on column billing.rail.link_s is
'Seconds after which a link that nobody paid is ended at the rail, where the rail can (shorter when its own life is). prompt_s, which is less, is when its reader may ask for another way to pay.';

-- The row itself is data; what is set here stands until an operator changes it.
insert into billing.rail (code, name, takes_our_ref, flow, prompt_s) values ('wave', 'Wave', false, 'link', 1800)
on conflict (code) do update set prompt_s = excluded.prompt_s;
