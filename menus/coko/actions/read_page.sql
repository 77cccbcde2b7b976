-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- repeat: safe
-- args: user book part at page_chars
-- cols: outcome part part_title at body
-- outcomes: ok locked tomorrow end none
select p.outcome, p.part, p.part_title, p.at, p.body
from reading.screen_page($1::bigint, $2::bigint, nullif($3, '')::int, nullif($4, '')::int, $5::int) p
