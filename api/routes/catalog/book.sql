-- SPDX-License-Identifier: Apache-2.0
-- One book by its slug, with the titles of its parts.
select b.public_id as id, b.slug, b.code, b.title, b.language, b.summary, b.authors, b.categories, b.parts, b.free_parts,
       coalesce((select json_agg(json_build_object('no', p.no, 'title', p.title, 'chars', p.chars) order by p.no)
                 from catalog.part p where p.book_id = b.id), '[]') as contents,
       b.published_at at time zone 'utc' as published_at, b.updated_at at time zone 'utc' as updated_at, b.version
from catalog.book b
where b.slug = $1::text and b.status not in ('draft', 'archived') -- as in catalog.book_card
