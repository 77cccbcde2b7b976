-- SPDX-License-Identifier: Apache-2.0
-- 0061 billing: the circuit breaker of a rail, one for all workers and machines.
set local lock_timeout = '3s';

alter table billing.rail add column open_after int not null default 5 check (open_after >= 0);
comment on column billing.rail.open_after is 'So many submits in a row that the rail did not answer stop its submits (billing.rail_gate). 0: never.';

create table billing.rail_gate (
    rail       text primary key references billing.rail,
    state      text not null default 'closed' check (state in ('closed', 'open', 'half')),
    faults     int not null default 0 check (faults >= 0),
    pause_s    int not null default 10 check (pause_s > 0),
    until      timestamptz,
    probe      bigint references billing.charge,
    opened     bigint not null default 0,
    changed_at timestamptz not null,
    told       boolean not null default true,
    check ((state = 'closed') = (until is null)),
    check ((state = 'half') = (probe is not null))
);
comment on table billing.rail_gate is
'Whether charges are submitted to a rail; billing.rail_heard has the drawing. No row: closed, and never a fault. faults: in a row. pause_s: of the next opening. until: end of the pause, of the probe''s lease while half. opened: how often. told: some daemon logged the state. Questions about charges go on whatever it says.';
