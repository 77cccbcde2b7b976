-- SPDX-License-Identifier: Apache-2.0
-- What the account's authors have of their books, the newest first. $1, $2: session and reader of the token; $3: the last row shown; $4: rows.
-- No row at all: the session has ended.
select r.month, r.sold_in, r.kind,
    json_build_object('id', b.public_id, 'slug', b.slug, 'title', b.title) as book, r.amount_minor, r.currency, r.key_id
from auth.session_user($1::uuid, $2::uuid) me
left join lateral billing.my_royalties(me.user_id, $3::bigint, $4::bigint) r on true
left join catalog.book b on b.id = r.book_id
order by r.key_id desc
