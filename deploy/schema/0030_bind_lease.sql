-- SPDX-License-Identifier: Apache-2.0
-- 0030 messaging: an account may have several connections under one lease, each with a row of its own.
set local lock_timeout = '3s';

alter table messaging.bind add column lease text;
update messaging.bind set lease = 'bind:' || name;
alter table messaging.bind alter column lease set not null;
comment on column messaging.bind.lease is 'ops.lease.name of its owner; the connections of an account share one: lab, lab#2, lab#3.';
create index bind_lease on messaging.bind (lease);
comment on index messaging.bind_lease is 'Rows of connections that their owner does not have any more go.';
