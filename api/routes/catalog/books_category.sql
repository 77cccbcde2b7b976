-- SPDX-License-Identifier: Apache-2.0
-- Newest books of a shelf ($5, its slug) in a language ($4): the shelf has the sort columns, so one index walk lists it.
select b.public_id as id, b.slug, b.code, b.title, b.language, b.authors, b.categories, b.parts, b.free_parts,
       b.published_at at time zone 'utc' as published_at,
       (b.published_at at time zone 'utc')::text || 'Z' as key_at, b.id as key_id
from (select s.book_id
      from catalog.book_category s
      where s.category_id = (select c.id from catalog.category c where c.slug = $5::text) and s.language = $4::text
        and (s.published_at, s.book_id) < ($1::timestamptz, $2::bigint)
      order by s.published_at desc, s.book_id desc
      limit $3::bigint) m
join catalog.book b on b.id = m.book_id
order by b.published_at desc, b.id desc
