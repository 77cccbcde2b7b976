-- SPDX-License-Identifier: Apache-2.0
-- 0020 messaging: what is done about a message of unknown outcome, as data.
set local lock_timeout = '3s';

create table messaging.unknown_policy (
    kind   text primary key check (kind in ('otp', 'reply', 'receipt', 'notice', 'instalment')),
    action text not null check (action in ('resend', 'wait', 'give_up')),
    after  interval not null check (after > '0'),
    max    smallint not null default 0 check (max >= 0)
);
comment on table messaging.unknown_policy is
'A message whose carrier never said whether it has it: resend = a new submit so long after, at most max times and only while it is still of use; wait = for the receipt, however long; give_up = over so long after.';

create index message_settle on messaging.message (account, kind, done_at) where state = 'unknown';
comment on index messaging.message_settle is 'What messaging.settle_unknown walks.';
