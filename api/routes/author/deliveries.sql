-- SPDX-License-Identifier: Apache-2.0
-- Instalments of the books that the account wrote. $1, $2: session and reader of the token; $3, $4: the last row shown; $5: rows.
-- No row at all: the session has ended.
select d.book, d.part, d.waiting, d.on_the_way, d.delivered, d.partial, d.failed, d.cancelled, d.counted_at, d.key_book, d.key_part
from auth.session_user($1::uuid, $2::uuid) me
left join lateral (
    select json_build_object('id', b.public_id, 'slug', b.slug, 'code', b.code, 'title', b.title, 'language', b.language,
                             'parts', b.parts) as book,
           a.part, a.waiting, a.on_the_way, a.delivered, a.partial, a.failed, a.cancelled,
           t.counted_at at time zone 'utc' as counted_at, a.book_id as key_book, a.part as key_part
    from messaging.author_deliveries(me.user_id, $3::bigint, $4::int, $5::bigint) a
    join catalog.book b on b.id = a.book_id
    cross join messaging.book_counted t
    order by a.book_id, a.part) d on true
