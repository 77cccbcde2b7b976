-- SPDX-License-Identifier: Apache-2.0
-- 0054: an author has a reader's account, and what became of a book's instalments is counted for him.
set local lock_timeout = '3s';

alter table catalog.author add column user_id bigint references auth.users;
create index author_user on catalog.author (user_id) where user_id is not null;
comment on column catalog.author.user_id is 'Whose account sees this author''s figures (`coko book author`); null: nobody''s.';

create table messaging.book_count (
    book_id  bigint not null references catalog.book on delete cascade,
    part     int not null,
    state    text not null,
    closed   boolean not null,
    messages bigint not null,
    segments bigint not null,
    primary key (book_id, part, state, closed)
);
comment on table messaging.book_count is
'Instalments by book, part and state of the message. closed: what nothing changes any more, added up once; the rest is counted anew each time (messaging.count_deliveries).';

create table messaging.book_counted (
    only_row   boolean primary key default true check (only_row),
    closed_id  bigint not null,
    counted_at timestamptz not null
);
comment on table messaging.book_counted is 'Messages below closed_id are in the closed counts; counted_at: when the open ones were counted.';

insert into messaging.book_counted (closed_id, counted_at) values (0, ops.now());
insert into messaging.book_count (book_id, part, state, closed, messages, segments)
select a.book_id, a.part, a.state, true, count(*), coalesce(sum(a.segments), 0)
from messaging.archive a join catalog.book b on b.id = a.book_id
where a.kind = 'instalment' and a.part is not null
group by 1, 2, 3;
