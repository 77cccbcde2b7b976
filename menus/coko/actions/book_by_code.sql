-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user code lang
-- cols: outcome book title author parts free_parts
-- outcomes: ok none
select 'ok' as outcome, b.id as book, b.title, b.author, b.parts, b.free_parts
from catalog.book_card($1::bigint, $2, $3) b
