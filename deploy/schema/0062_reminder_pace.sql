-- SPDX-License-Identifier: Apache-2.0
-- 0062 billing: ends of passes are spoken of at a pace, so that a hundred thousand of one moment are not said at once.
set local lock_timeout = '3s';

create table billing.reminder_pace (
    lane     text primary key check (lane ~ '^(account|rail):.' or lane = '*'),
    a_minute int check (a_minute > 0),
    free_at  timestamptz not null default '-infinity',
    check (a_minute is not null or lane <> '*')
);
comment on table billing.reminder_pace is
'How many reminders a minute may go by an SMS account (''account:<name>''), and to readers who would pay by a rail (''rail:<code>''): its contract may want fewer prompts than its places allow. null: as many as lane ''*'' says. free_at: the next place in the lane (billing.reminder_slot). Lanes make their own rows.';
insert into billing.reminder_pace (lane, a_minute) values ('*', 1200);

alter table billing.entitlement add column remind_place timestamptz;
comment on column billing.entitlement.remind_place is 'The place in its lanes that a reminder was given, while it waits for it; null: it has not asked.';
create index entitlement_place on billing.entitlement (remind_place, id) where remind_place is not null;
