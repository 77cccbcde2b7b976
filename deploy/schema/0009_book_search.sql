-- SPDX-License-Identifier: Apache-2.0
-- 0009 catalog: the search index over every book. As a partial index of published books it competed with the sorted ones, and a
-- young database walked those instead.
set local lock_timeout = '3s';

drop index catalog.book_search;
drop index catalog.book_title_trgm;
create index book_search on catalog.book using gin (search);
