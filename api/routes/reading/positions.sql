-- SPDX-License-Identifier: Apache-2.0
-- The reader's positions. $1, $2: session and reader of the token; $3, $4: the last row shown; $5: rows.
-- No row at all: the session has ended.
select p.book, p.part, p.at, p.source, p.finished, p.updated_at, p.version, p.key_at, p.key_id
from auth.session_user($1::uuid, $2::uuid) me
left join lateral (
    select json_build_object('id', b.public_id, 'slug', b.slug, 'code', b.code, 'title', b.title, 'language', b.language,
                             'parts', b.parts) as book,
           r.part, r.at, r.source, r.finished_at is not null as finished, r.updated_at at time zone 'utc' as updated_at, r.version,
           (r.updated_at at time zone 'utc')::text || 'Z' as key_at, r.book_id as key_id
    from reading.position r
    join catalog.book b on b.id = r.book_id
    where r.user_id = me.user_id and (r.updated_at, r.book_id) < ($3::timestamptz, $4::bigint)
    order by r.updated_at desc, r.book_id desc
    limit $5::bigint) p on true
