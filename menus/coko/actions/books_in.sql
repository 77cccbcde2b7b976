-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: genre lang
-- cols: id label
select b.id, b.label from catalog.books_in($1::bigint, $2, 30) b
