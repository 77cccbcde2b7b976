-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user book part at page_chars
-- cols: outcome part part_title at body
-- outcomes: ok locked end none
-- A page from the given place, or from the reader's own; the place is saved with it. Past the end
-- the book is finished; at a locked part the place is kept for the day there is a pass.
select s.outcome, s.part, s.part_title, s.at, s.body,
       (select v.version from reading.save_position($1::bigint, $2::bigint,
            case s.outcome when 'end' then s.part + 1 else s.part end, s.at, 'ussd') v) as saved
from (select coalesce(nullif($3, '')::int, max(p.part), 1) as part,
             coalesce(nullif($4, '')::int, max(p.at), 0) as at
      from reading.position p where p.user_id = $1::bigint and p.book_id = $2::bigint) w
cross join lateral reading.slice($1::bigint, $2::bigint, w.part, w.at, $5::int) s
