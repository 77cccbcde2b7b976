-- SPDX-License-Identifier: Apache-2.0
-- What one book costs alone. $1, $2: session and reader of the token; $3: the book. No row: the session has ended; all null: not sold alone, or hers.
select o.price_id as price, o.amount_minor, o.currency, o.amount_text
from auth.session_user($1::uuid, $2::uuid) me
left join lateral billing.book_offer(me.user_id, (select b.id from catalog.book b where b.public_id = $3::uuid)) o on true
