-- SPDX-License-Identifier: Apache-2.0
-- 0004 reading: one position a reader and book, understood by every channel.
set local lock_timeout = '3s';
create schema if not exists reading;

create table reading.position (
    user_id     bigint not null references auth.users,
    book_id     bigint not null references catalog.book on delete cascade,
    part        int not null check (part > 0),
    at          int not null check (at >= 0),
    source      text not null check (source in ('ussd', 'sms', 'rest', 'opds', 'koreader')),
    updated_at  timestamptz not null,
    finished_at timestamptz,
    version     bigint not null default 1,
    primary key (user_id, book_id)
) with (fillfactor = 85);
create index position_recent on reading.position (user_id, updated_at desc, book_id desc);
comment on table reading.position is
'The next character to read: part number and character offset in its text. At the end of a book: last part, at = its length, finished_at set.';
