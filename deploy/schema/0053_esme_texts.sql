-- SPDX-License-Identifier: Apache-2.0
-- 0053 messaging: readers' texts to ESMEs, and what ESMEs have on all machines together.
set local lock_timeout = '3s';

create table messaging.esme_text (
    id         bigint generated always as identity primary key,
    esme       text not null,
    dedupe     bytea not null unique,
    pdu_sealed bytea not null,
    holder     text,
    tries      smallint not null default 0,
    due_at     timestamptz not null,
    created_at timestamptz not null
) with (fillfactor = 70);
create index esme_text_due on messaging.esme_text (esme, due_at, id);
create index esme_text_held on messaging.esme_text (holder) where holder is not null;
create index esme_text_created on messaging.esme_text (created_at);
comment on table messaging.esme_text is
'A reader''s text to a number of an ESME that the ESME has not acknowledged yet: the deliver_sm, sealed; deleted by deliver_sm_resp. dedupe names the carrier''s delivery. holder: the daemon that has it on a bind; due_at is then when it may be sent again. Rows go after 3 days.';

create table messaging.esme_node (
    esme   text not null,
    holder text not null,
    epoch  bigint not null,
    binds  int not null,
    used   bigint not null,
    primary key (esme, holder)
) with (fillfactor = 50);
comment on table messaging.esme_node is
'What an ESME has at one listener: binds now, parts submitted since its process began. holder, epoch: the lease of the listener, ops.lease; a row whose lease is over, or of an older epoch, counts for nothing and goes.';
