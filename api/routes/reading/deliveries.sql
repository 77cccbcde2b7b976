-- SPDX-License-Identifier: Apache-2.0
-- The instalments sent to the reader by SMS. $1, $2: session and reader of the token; $3: the last row shown; $4: rows.
-- No row at all: the session has ended.
select d.book, d.part, d.state, d.segments, d.arrived, d.repeated, d.at, d.key_id
from auth.session_user($1::uuid, $2::uuid) me
left join lateral (
    select json_build_object('id', b.public_id, 'slug', b.slug, 'code', b.code, 'title', b.title, 'language', b.language,
                             'parts', b.parts) as book,
           m.part, m.state, m.segments, m.arrived, m.repeated, m.at at time zone 'utc' as at, m.id as key_id
    from messaging.deliveries(me.user_id, $3::bigint, $4::bigint) m
    join catalog.book b on b.id = m.book_id
    order by m.id desc) d on true
