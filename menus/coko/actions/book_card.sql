-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user book lang
-- cols: book title author parts free_parts
-- outcomes: ok none
select b.id as book, b.title, b.author, b.parts, b.free_parts
from catalog.book_card($1::bigint, $2, $3) b
