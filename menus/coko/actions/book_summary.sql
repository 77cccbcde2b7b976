-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user book lang
-- cols: title summary
-- outcomes: ok none
select b.title, b.summary from catalog.book_card($1::bigint, $2, $3) b
