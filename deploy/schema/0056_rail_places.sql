-- SPDX-License-Identifier: Apache-2.0
-- How many requests a rail is asked at once, and the index that lets a claim go rail by rail: a rail that answers
-- slowly keeps its own places busy and nobody else's.
set local lock_timeout = '3s';

alter table billing.rail add column places int not null default 64 check (places > 0);
comment on column billing.rail.places is
'Charges that the rail is asked about at the same time, over all workers and machines: its contract may want fewer. Two that claim in the same moment may pass it by a claim. A typed code is not held back by it.';

drop index billing.charge_due;
create index charge_due on billing.charge (rail, due_at, id) where due_at is not null;
create index charge_claimed on billing.charge (rail) where claimed_by is not null;
