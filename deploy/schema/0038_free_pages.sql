-- SPDX-License-Identifier: Apache-2.0
-- 0038 billing, reading: pages on the screen that a reader without a pass may turn in a day.
set local lock_timeout = '3s';

alter table billing.plan add column pages_day int not null default 0 check (pages_day between 0 and 100);
comment on column billing.plan.pages_day is
'Pages of parts that need a pass, on the USSD screen, that a reader may open in a day. Only plan ''free'' needs it: a pass opens every part.';

create table reading.free_page (
    user_id bigint not null references auth.users,
    day     date not null,
    book_id bigint not null references catalog.book,
    part    int not null,
    at      int not null,
    primary key (user_id, day, book_id, part, at)
);
create index free_page_day on reading.free_page (day);
comment on table reading.free_page is
'Pages opened within plan.pages_day, on the reader''s calendar. A page stands here once, so looking at it again (a repeated hop, back, a resumed session) costs nothing. Kept two days.';
