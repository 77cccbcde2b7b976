-- SPDX-License-Identifier: Apache-2.0
create or replace function catalog.slugify(p text) returns text language plpgsql immutable as $$
begin
    return coalesce(nullif(trim(both '-' from regexp_replace(catalog.fold(p), '[^a-z0-9]+', '-', 'g')), ''), left(md5(p), 12));
end $$;
comment on function catalog.slugify(text) is 'ASCII slug of a name; of its digest where no letter of it is in ASCII, so that two such names stay two.';

create or replace function catalog.import_book(p_book jsonb, p_parts jsonb)
returns table (book_id bigint, outcome text) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_hash bytea := sha256(convert_to(p_book::text || p_parts::text, 'UTF8'));
    v_slug text := coalesce(p_book->>'slug', catalog.slugify(p_book->>'title'));
    v_names text[];
    v_old catalog.book;
    v_id bigint;
    v_status text := coalesce(p_book->>'status', 'published');
    v_code int := (p_book->>'code')::int;
begin
    if jsonb_typeof(p_parts) is distinct from 'array' or jsonb_array_length(p_parts) = 0 then
        raise exception 'book % has no parts', v_slug using errcode = 'invalid_parameter_value';
    end if;
    perform pg_advisory_xact_lock(hashtextextended('import', 26));
    select * into v_old from catalog.book where slug = v_slug for update;
    if v_old.content_hash = v_hash then
        return query select v_old.id, 'same';
        return;
    end if;
    while v_code is null loop
        v_code := coalesce(v_old.code, nextval('catalog.book_code'));
        if exists (select 1 from catalog.book b where b.code = v_code and b.slug <> v_slug) then
            v_code := null;
        end if;
    end loop;
    select coalesce(array_agg(coalesce(a.v->>'name', a.v #>> '{}') order by a.ord), '{}') into v_names
    from jsonb_array_elements(coalesce(p_book->'authors', '[]')) with ordinality a(v, ord);

    insert into catalog.book as b (slug, code, title, language, summary, status, published_at, created_at, updated_at, parts,
                                   free_parts, author_line, content_hash, search)
    values (v_slug, v_code, p_book->>'title', coalesce(p_book->>'language', ops.first_language(null)), coalesce(p_book->>'summary', ''), v_status,
            coalesce((p_book->>'published_at')::timestamptz, v_now), v_now, v_now, jsonb_array_length(p_parts),
            coalesce((p_book->>'free_parts')::int, 1), array_to_string(v_names, ', '), v_hash,
            setweight(to_tsvector('simple', catalog.fold(p_book->>'title')), 'A')
            || setweight(to_tsvector('simple', catalog.fold(array_to_string(v_names, ' '))), 'B')
            || setweight(to_tsvector('simple', catalog.fold(coalesce(p_book->>'summary', ''))), 'C'))
    on conflict (slug) do update set
        code = excluded.code, title = excluded.title, language = excluded.language, summary = excluded.summary,
        status = excluded.status, updated_at = excluded.updated_at, parts = excluded.parts, free_parts = excluded.free_parts,
        published_at = coalesce((p_book->>'published_at')::timestamptz, b.published_at),
        author_line = excluded.author_line, content_hash = excluded.content_hash, search = excluded.search,
        version = b.version + 1
    returning b.id into v_id;

    perform catalog.import_parts(v_id, p_parts);
    perform catalog.import_people(v_id, v_names);
    perform catalog.import_shelves(v_id, coalesce(p_book->'categories', '[]'));
    return query select v_id, case when v_old.id is null then 'created' else 'replaced' end;
end $$;
comment on function catalog.import_book(jsonb, jsonb) is
'One book with its parts in one transaction; outcome: created | replaced | same (identical content, nothing written).
book: {slug?, code?, title, language, summary, authors: [name | {name}], categories: [slug | {slug, names?, sort?}], free_parts?, status?, published_at?}.
parts: [{no?, title, body, ends: [...], septets: [...], units?: [...], folds?: [...], title_folds?}] in order. A missing code is the next free one from 100.
A replaced book keeps its id, its code unless given, its readers'' positions (brought inside the new text) and its date.';

create or replace function catalog.import_parts(p_book_id bigint, p_parts jsonb) returns void language plpgsql as $$
begin
    insert into catalog.part as t (book_id, no, title, body, chars, ends, septets, units, folds, title_folds)
    select p_book_id, s.no, s.title, s.body, s.chars,
        case when s.gap then s.ends || s.chars else s.ends end,
        case when s.gap then s.septets || coalesce(s.septets[cardinality(s.septets)], 0)
            + messaging.septets(substr(s.body, coalesce(s.ends[cardinality(s.ends)], 0) + 1)) else s.septets end,
        case when s.gap and s.units is not null then s.units || messaging.units(s.body) else s.units end,
        case when s.gap and s.units is not null then s.folds || 2::smallint else s.folds end,
        s.title_folds
    from (select coalesce((e.v->>'no')::int, e.ord::int) as no, coalesce(e.v->>'title', '') as title, e.v->>'body' as body,
                 char_length(e.v->>'body') as chars, a.ends, a.septets, a.units, a.folds, (e.v->>'title_folds')::smallint as title_folds,
                 coalesce(a.ends[cardinality(a.ends)], 0) < char_length(e.v->>'body') as gap
          from jsonb_array_elements(p_parts) with ordinality e(v, ord),
               lateral (select array(select x::int from jsonb_array_elements_text(coalesce(e.v->'ends', '[]')) x) as ends,
                               array(select x::int from jsonb_array_elements_text(coalesce(e.v->'septets', '[]')) x) as septets,
                               case when e.v ? 'units' then array(select x::int from jsonb_array_elements_text(e.v->'units') x) end as units,
                               case when e.v ? 'units' then array(select x::smallint from jsonb_array_elements_text(e.v->'folds') x) end as folds) a) s
    on conflict (book_id, no) do update set title = excluded.title, body = excluded.body, chars = excluded.chars,
        ends = excluded.ends, septets = excluded.septets, units = excluded.units, folds = excluded.folds, title_folds = excluded.title_folds;
    delete from catalog.part t where t.book_id = p_book_id
        and t.no not in (select coalesce((e.v->>'no')::int, e.ord::int) from jsonb_array_elements(p_parts) with ordinality e(v, ord));
    if (select max(t.no) from catalog.part t where t.book_id = p_book_id) <> jsonb_array_length(p_parts) then
        raise exception 'parts of book % are not numbered 1..n', p_book_id using errcode = 'invalid_parameter_value';
    end if;
    update reading.position p set part = least(p.part, b.parts),
        at = case when p.part > b.parts then l.chars else least(p.at, t.chars) end, version = p.version + 1
    from catalog.book b
    join catalog.part l on l.book_id = b.id and l.no = b.parts, catalog.part t
    where b.id = p_book_id and p.book_id = b.id and t.book_id = b.id and t.no = least(p.part, b.parts)
      and (p.part > b.parts or p.at > t.chars);
end $$;
comment on function catalog.import_parts(bigint, jsonb) is
'Replaces the parts of a book. Text after the last sentence end becomes a last sentence, so that every character belongs to one (the table checks it).';

create or replace function catalog.import_people(p_book_id bigint, p_names text[]) returns void language plpgsql as $$
begin
    insert into catalog.author (slug, name)
    select distinct on (catalog.slugify(n)) catalog.slugify(n), n from unnest(p_names) n
    on conflict (slug) do nothing;
    delete from catalog.book_author where book_id = p_book_id;
    insert into catalog.book_author (book_id, author_id, ord)
    select p_book_id, a.id, min(n.ord) from unnest(p_names) with ordinality n(name, ord)
    join catalog.author a on a.slug = catalog.slugify(n.name) group by a.id;
    update catalog.book b set authors = coalesce((
        select json_agg(json_build_object('id', a.public_id, 'slug', a.slug, 'name', a.name) order by ba.ord)
        from catalog.book_author ba join catalog.author a on a.id = ba.author_id where ba.book_id = p_book_id), '[]')
    where b.id = p_book_id;
end $$;
comment on function catalog.import_people(bigint, text[]) is 'Authors of a book in order, made when missing, and their stored json.';

create or replace function catalog.import_shelves(p_book_id bigint, p_categories jsonb) returns void language plpgsql as $$
begin
    insert into catalog.category as c (slug, names, sort)
    select distinct on (s.slug) s.slug, coalesce(s.names, jsonb_build_object(ops.first_language(null), initcap(s.slug))), coalesce(s.sort, 1000)
    from (select coalesce(e.v->>'slug', e.v #>> '{}') as slug,
                 case when jsonb_typeof(e.v) = 'object' then e.v->'names' end as names,
                 case when jsonb_typeof(e.v) = 'object' then (e.v->>'sort')::int end as sort
          from jsonb_array_elements(p_categories) e(v)) s
    on conflict (slug) do nothing;

    update catalog.category_count n set books = n.books - 1
    from catalog.book_category bc
    where bc.book_id = p_book_id and n.category_id = bc.category_id and n.lang = bc.language;
    delete from catalog.book_category where book_id = p_book_id;
    insert into catalog.book_category (book_id, category_id, language, published_at)
    select b.id, c.id, b.language, b.published_at
    from catalog.book b
    join catalog.category c on c.slug in (select coalesce(e.v->>'slug', e.v #>> '{}') from jsonb_array_elements(p_categories) e(v))
    where b.id = p_book_id and b.status = 'published';
    insert into catalog.category_count as n (category_id, lang, books)
    select bc.category_id, bc.language, 1 from catalog.book_category bc where bc.book_id = p_book_id
    on conflict (category_id, lang) do update set books = n.books + 1;
    update catalog.book b set categories = coalesce((
        select json_agg(json_build_object('id', c.public_id, 'slug', c.slug, 'names', c.names) order by c.sort, c.slug)
        from catalog.category c
        where c.slug in (select coalesce(e.v->>'slug', e.v #>> '{}') from jsonb_array_elements(p_categories) e(v))), '[]')
    where b.id = p_book_id;
end $$;
comment on function catalog.import_shelves(bigint, jsonb) is 'Shelf membership and its counts, categories made when missing, and their stored json.';

create or replace function catalog.import_categories(p_categories jsonb) returns int language plpgsql as $$
declare
    v_n int;
begin
    insert into catalog.category as c (slug, names, sort)
    select e->>'slug', coalesce(e->'names', '{}'), coalesce((e->>'sort')::int, 1000) from jsonb_array_elements(p_categories) e
    on conflict (slug) do update set names = excluded.names, sort = excluded.sort
        where (c.names, c.sort) is distinct from (excluded.names, excluded.sort);
    get diagnostics v_n = row_count;
    return v_n;
end $$;
comment on function catalog.import_categories(jsonb) is 'Names and order of shelves: [{slug, names: {lang: text}, sort}]. Idempotent; returns how many changed.';
