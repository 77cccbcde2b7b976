-- SPDX-License-Identifier: Apache-2.0
-- 0028 messaging: what is left of messages after their retention, by month.
set local lock_timeout = '3s';

create table messaging.archive (
    message_id bigint not null,
    created_at timestamptz not null,
    account    text,
    kind       text not null,
    state      text not null,
    lang       text not null,
    book_id    bigint,
    part       int,
    segments   int not null,
    parts      smallint not null,
    tries      smallint not null,
    sent_at    timestamptz,
    done_at    timestamptz,
    primary key (created_at, message_id)
) partition by range (created_at);
create table messaging.archive_other partition of messaging.archive default;
create index archive_book on messaging.archive (book_id, part) where book_id is not null;
comment on table messaging.archive is
'Messages that are over for 90 days, moved here by ops.expire_rows: a figure without reader, number or text. A partition a month, made and dropped by messaging.archive_months. The outbox itself is not partitioned: its unique dedupe key, and the references to a message, would need the month in every key and every claim.';
