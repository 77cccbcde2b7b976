-- SPDX-License-Identifier: Apache-2.0
-- 0012 messaging: more keywords, pauses, instalments sent again, and a ledger that says what, which way and by which words.
set local lock_timeout = '3s';

alter table messaging.keyword drop constraint keyword_action_check;
alter table messaging.keyword add constraint keyword_action_check
    check (action in ('next', 'stop', 'start', 'help', 'read', 'repeat', 'pause', 'resume', 'menu'));

alter table auth.consent
    add column what text check (what in ('stop', 'start', 'pause', 'resume', 'schedule')),
    add column way text check (way in ('sms', 'ussd', 'rest', 'rule')),
    add column text_key text;
comment on table auth.consent is
'Append-only ledger of what a reader agreed to or ended, written in the transaction that does it: evidence, not state. what and way are null in rows older than 0012; way ''rule'': no reader asked. text_key: the words that told the reader.';

alter table auth.identity
    add column paused_at timestamptz,
    add column paused_for text check (paused_for in ('reader', 'failures')),
    add column lifted_at timestamptz;
comment on column auth.identity.paused_at is 'PAUSE: nothing comes unasked until REPRENDRE. What the reader asks for still comes.';

alter table messaging.message add column repeats bigint references messaging.message;
create index message_repeats on messaging.message (repeats) where repeats is not null;
comment on column messaging.message.repeats is 'REPETER: the instalment whose text this one sends again. The reader''s position is not its business.';

create table messaging.dial_code (
    country text primary key,
    code    text not null check (code ~ '^[*#0-9]{2,20}$')
);
comment on table messaging.dial_code is
'What a reader dials to reach Coko: told by MENU, and at the foot of messages that cannot be answered; country ''*'' is any, after the named ones.';
