-- SPDX-License-Identifier: Apache-2.0
-- Newest books of a language ($4).
select b.public_id as id, b.slug, b.code, b.title, b.language, b.authors, b.categories, b.parts, b.free_parts,
       b.published_at at time zone 'utc' as published_at,
       (b.published_at at time zone 'utc')::text || 'Z' as key_at, b.id as key_id
from catalog.book b
where b.status = 'published' and b.language = $4::text and (b.published_at, b.id) < ($1::timestamptz, $2::bigint)
order by b.published_at desc, b.id desc
limit $3::bigint
