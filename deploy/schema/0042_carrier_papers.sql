-- SPDX-License-Identifier: Apache-2.0
-- 0042 billing, ops: numbers that no real rail may charge, and what carriers brought, a row a day.
set local lock_timeout = '3s';

alter table billing.rail add column lab boolean not null default false;
comment on column billing.rail.lab is 'No money is real here: the only rails that a test number may be charged by.';

create table billing.test_number (
    lookup   bytea primary key check (octet_length(lookup) = 32),
    note     text not null default '',
    added_by text not null,
    added_at timestamptz not null
);
comment on table billing.test_number is
'Numbers of ours and of carriers'' engineers, as auth.identity looks them up. A charge of one goes to no rail that is not the lab''s, by whatever way it comes.';

create table ops.carrier_day (
    day      date not null,
    carrier  text not null,
    sessions int not null,
    ended    int not null,
    dropped  int not null,
    failed   int not null,
    hops     int not null,
    ms_half  int not null,
    ms_most  int not null,
    primary key (day, carrier)
);
comment on table ops.carrier_day is
'What a carrier brought on a day (UTC), kept when ops.hop has forgotten it: dialogues begun, dialogues ended by us and by the subscriber or the network, hops that we failed, all hops, half and most of our milliseconds.';
