-- SPDX-License-Identifier: Apache-2.0
-- 0021 messaging: messages that other systems submit to us over SMPP, and the receipts we owe them.
set local lock_timeout = '3s';

-- A wider set holds for every row that is there: 0022 says so to the planner without the strong lock.
alter table messaging.message drop constraint message_kind_check;
alter table messaging.message add constraint message_kind_check
    check (kind in ('otp', 'reply', 'receipt', 'notice', 'instalment', 'esme')) not valid;

alter table messaging.unknown_policy drop constraint unknown_policy_kind_check;
alter table messaging.unknown_policy add constraint unknown_policy_kind_check
    check (kind in ('otp', 'reply', 'receipt', 'notice', 'instalment', 'esme'));

create table messaging.esme_message (
    message_id  bigint primary key references messaging.message on delete cascade,
    esme        text not null,
    source      text not null,
    source_kind text not null check (source_kind in ('', 'alphanumeric', 'numeric', 'short_code')),
    coding      smallint check (coding between 0 and 255),
    plain       boolean not null,
    udhi        boolean not null,
    registered  smallint not null check (registered between 0 and 3)
);
comment on table messaging.esme_message is
'What only a message of an ESME has. esme: the section of coko.ini, who alone may ask for it, change it and hear of its end. coding: the sealed body is one part''s octets in this data_coding, carried as they came; null: a text that we cut. plain: it came in data_coding 0. registered: receipt for 1 any end, 2 failures, 3 successes.';

create table messaging.esme_receipt (
    id         bigint generated always as identity primary key,
    message_id bigint not null unique references messaging.message on delete cascade,
    esme       text not null,
    state      text not null check (state in ('delivered', 'failed', 'expired', 'cancelled')),
    code       int,
    parts      smallint not null,
    delivered  smallint not null,
    holder     text,
    tries      smallint not null default 0,
    due_at     timestamptz not null,
    created_at timestamptz not null
) with (fillfactor = 70);
create index esme_receipt_due on messaging.esme_receipt (esme, due_at, id);
create index esme_receipt_held on messaging.esme_receipt (holder) where holder is not null;
create index esme_receipt_created on messaging.esme_receipt (created_at);
comment on table messaging.esme_receipt is
'A receipt that an ESME has not acknowledged yet: born with the end of its message, deleted by deliver_sm_resp. holder: the daemon that has it on a bind; due_at is then when it may be sent again. Rows go after 3 days.';
