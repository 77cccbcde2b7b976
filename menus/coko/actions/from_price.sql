-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user lang book
-- cols: from_price book_amount price
-- The cheapest pass, and what this book costs alone ('': it is not sold so).
select o.amount_text as from_price, coalesce(b.amount_text, '') as book_amount, coalesce(b.price_id::text, '') as price
from billing.offers($1::bigint, $2) o
left join billing.book_offer($1::bigint, $3::bigint) b on true
order by o.amount_minor limit 1
