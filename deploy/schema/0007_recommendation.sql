-- SPDX-License-Identifier: Apache-2.0
-- 0007 recommendation: what readers did, the base of popularity and of later suggestions.
set local lock_timeout = '3s';
create schema if not exists recommendation;

create table recommendation.interaction (
    id      bigint generated always as identity primary key,
    user_id bigint not null references auth.users,
    book_id bigint not null references catalog.book on delete cascade,
    kind    text not null check (kind in ('read_start', 'read_complete')),
    source  text not null,
    at      timestamptz not null,
    unique (user_id, book_id, kind)
);
create index interaction_book on recommendation.interaction (book_id, at);
create index interaction_recent on recommendation.interaction (at, book_id);
comment on table recommendation.interaction is
'One row a reader, book and kind. Popularity is counted from here by a job, so that a hot book has no hot row.';
