-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user lang
-- cols: outcome book title author parts free_parts part at
-- outcomes: ok none
select 'ok' as outcome, b.id as book, b.title, b.author, b.parts, b.free_parts,
       '' as part, '' as at
from reading.continue($1::bigint) k
cross join lateral catalog.book_card($1::bigint, k.book_id::text, $2) b
