-- SPDX-License-Identifier: Apache-2.0
-- Lists of the catalogue: one index walk each, inlined into the caller's plan.

create or replace function catalog.shelf_language(p_lang text) returns table (lang text) language sql stable as $$
    select coalesce(
        (select b.language from catalog.book b where b.status = 'published' and b.language = p_lang
         order by b.published_at desc, b.id desc limit 1),
        (select f.language from ops.language l
         cross join lateral (select b.language from catalog.book b where b.status = 'published' and b.language = l.falls_to
                             order by b.published_at desc, b.id desc limit 1) f
         where l.code = p_lang),
        (select f.language from ops.language l
         cross join lateral (select b.language from catalog.book b where b.status = 'published' and b.language = l.code
                             order by b.published_at desc, b.id desc limit 1) f
         order by l.sort limit 1))
$$;
comment on function catalog.shelf_language(text) is
'The language whose books are listed to a reader of p_lang: hers when it has any, else the one it falls back to, else the first that has some. Null: the catalogue is empty.';

create or replace function catalog.categories(p_lang text)
returns table (id bigint, slug text, label text, books int) language sql stable as $$
    select c.id, c.slug, coalesce(ops.named(c.names, p_lang), c.slug), n.books
    from catalog.shelf_language(p_lang) s
    join catalog.category_count n on n.lang = s.lang and n.books > 0
    join catalog.category c on c.id = n.category_id
    order by c.sort, c.slug
$$;
comment on function catalog.categories(text) is 'Shelves that have books in a language (catalog.shelf_language), named in the reader''s own.';

create or replace function catalog.books_new(p_lang text, p_max int)
returns table (id bigint, code int, label text, author text) language sql stable as $$
    select b.id, b.code, b.title, b.author_line
    from catalog.shelf_language(p_lang) s
    cross join lateral (select k.id, k.code, k.title, k.author_line, k.published_at from catalog.book k
                        where k.status = 'published' and k.language = s.lang
                        order by k.published_at desc, k.id desc
                        limit p_max) b
    order by b.published_at desc, b.id desc
$$;
comment on function catalog.books_new(text, int) is 'Newest published books in a reader''s language (catalog.shelf_language).';

create or replace function catalog.books_popular(p_lang text, p_max int)
returns table (id bigint, code int, label text, author text) language sql stable as $$
    select b.id, b.code, b.title, b.author_line
    from catalog.shelf_language(p_lang) s
    cross join lateral (select k.id, k.code, k.title, k.author_line, k.popularity from catalog.book k
                        where k.status = 'published' and k.language = s.lang
                        order by k.popularity desc, k.id desc
                        limit p_max) b
    order by b.popularity desc, b.id desc
$$;
comment on function catalog.books_popular(text, int) is 'Most read books in a reader''s language (catalog.shelf_language); popularity is counted by a job.';

create or replace function catalog.books_in(p_category_id bigint, p_lang text, p_max int)
returns table (id bigint, code int, label text, author text) language sql stable as $$
    select b.id, b.code, b.title, b.author_line
    from catalog.shelf_language(p_lang) l
    cross join lateral (select s.book_id, s.published_at from catalog.book_category s
                        where s.category_id = p_category_id and s.language = l.lang
                        order by s.published_at desc, s.book_id desc
                        limit p_max) m
    join catalog.book b on b.id = m.book_id
    order by m.published_at desc, m.book_id desc
$$;
comment on function catalog.books_in(bigint, text, int) is 'Newest books of a shelf in a reader''s language (catalog.shelf_language); only published books stand on a shelf.';

create or replace function catalog.search(p_q text, p_lang text, p_max int)
returns table (id bigint, code int, label text, author text) language sql stable as $$
    select m.id, m.code, m.title, m.author_line
    from (select b.id, b.code, b.title, b.author_line, b.language, b.popularity,
                 ts_rank(b.search, to_tsquery('simple', w.q)) as rank
          from (select string_agg(quote_literal(x[1]) || ':*', ' & ') as q
                from regexp_matches(left(catalog.fold(coalesce(p_q, '')), 100), '[[:alnum:]]+', 'g') x) w
          join catalog.book b on b.status not in ('draft', 'archived') and b.search @@ to_tsquery('simple', w.q)
          union all
          select b.id, b.code, b.title, b.author_line, b.language, b.popularity, 2
          from catalog.book b
          where b.status not in ('draft', 'archived') and b.code = case when p_q ~ '^\s*[0-9]{1,6}\s*$' then p_q::int end) m
    order by (m.language = p_lang) desc, m.rank desc, m.popularity desc, m.id desc
    limit p_max
$$;
comment on function catalog.search(text, text, int) is
'Books whose title, author or summary has every word as a prefix, without accents or case; or whose code is the text. The reader''s language first. No word: no row.';
