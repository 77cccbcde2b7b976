-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: lang
-- cols: id label
select b.id, b.label from catalog.books_new($1, 30) b
