-- SPDX-License-Identifier: Apache-2.0
-- 0013 messaging: quiet hours, and reading that comes every day by itself.
set local lock_timeout = '3s';

create table messaging.quiet_hours (
    country    char(2) primary key references ops.country,
    time_zone  text not null,
    quiet_from time not null,
    quiet_to   time not null check (quiet_to <> quiet_from)
);
comment on table messaging.quiet_hours is
'When nothing comes unasked, on the clock of a country; from may be later than to (over midnight). A country without a row has none. What a reader asks for, codes, replies and receipts are exempt.';

alter table messaging.message add column unasked boolean not null default false;
comment on column messaging.message.unasked is 'Keeps to the quiet hours: due after them, over before they begin.';

create table messaging.schedule (
    user_id     bigint primary key references auth.users,
    identity_id bigint not null references auth.identity,
    slots       time[] not null check (cardinality(slots) between 1 and 4),
    next_at     timestamptz not null
);
create index schedule_next on messaging.schedule (next_at, user_id);
comment on table messaging.schedule is 'A reader''s pace: an instalment at each slot of the day, on the clock of the reader''s country. next_at moves in the transaction that sends, so a slot runs at most once.';
