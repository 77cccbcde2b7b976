-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- repeat: safe
-- args: user book part at page_chars identity
-- cols: outcome part part_title at body
-- outcomes: ok locked tomorrow end none
select p.outcome, p.part, p.part_title, p.at, p.body
-- A dialogue that is taken up may be of a number that has another holder by now.
from auth.holder($6::bigint, $1::bigint) h
cross join lateral reading.screen_page(h.user_id, $2::bigint, nullif($3, '')::int, nullif($4, '')::int, $5::int) p
