-- SPDX-License-Identifier: Apache-2.0
-- 0003 catalog: authors, categories, books and their parts.
set local lock_timeout = '3s';
create schema if not exists catalog;

create function catalog.fold(p text) returns text language sql immutable parallel safe strict as
$$ select lower(public.unaccent('public.unaccent'::regdictionary, p)) $$;
comment on function catalog.fold(text) is 'Search form of a text: no accent, lower case. Declared immutable for the indexes; the dictionary is pinned by name.';

create table catalog.author (
    id        bigint generated always as identity primary key,
    public_id uuid not null default gen_random_uuid() unique,
    slug      text not null unique,
    name      text not null,
    bio       text not null default ''
);
comment on table catalog.author is 'A person or house that writes.';

create table catalog.category (
    id        bigint generated always as identity primary key,
    public_id uuid not null default gen_random_uuid() unique,
    slug      text not null unique,
    names     jsonb not null default '{}',
    parent_id bigint references catalog.category,
    sort      int not null default 1000
);
comment on table catalog.category is 'A shelf; names per language, {"fr": "...", "en": "..."}.';

create table catalog.category_count (
    category_id bigint not null references catalog.category on delete cascade,
    lang        text not null,
    books       int not null check (books >= 0),
    primary key (category_id, lang)
);
comment on table catalog.category_count is 'Published books a shelf and language, kept by import_book: the menu never counts.';

create sequence catalog.book_code start 100;

-- Codes are dialled (*384*26*CODE#), so they are short; ids start above every code and one text can name either.
create table catalog.book (
    id           bigint generated always as identity (start 1000001) primary key,
    public_id    uuid not null default gen_random_uuid() unique,
    slug         text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]*$'),
    code         int not null unique check (code between 1 and 999999),
    title        text not null,
    language     text not null,
    summary      text not null default '',
    status       text not null default 'published' check (status in ('draft', 'published', 'archived')),
    published_at timestamptz not null,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    parts        int not null check (parts > 0),
    free_parts   int not null default 1 check (free_parts >= 0),
    popularity   bigint not null default 0,
    author_line  text not null default '',
    authors      json not null default '[]',
    categories   json not null default '[]',
    content_hash bytea not null,
    search       tsvector not null,
    version      bigint not null default 1
);
create index book_new on catalog.book (language, published_at desc, id desc) where status = 'published';
create index book_popular on catalog.book (language, popularity desc, id desc) where status = 'published';
create index book_new_all on catalog.book (published_at desc, id desc) where status = 'published';
create index book_search on catalog.book using gin (search) where status = 'published';
create index book_title_trgm on catalog.book using gin (catalog.fold(title) public.gin_trgm_ops) where status = 'published';
comment on table catalog.book is 'authors and categories are stored as json, written by import_book, so that list cards copy them verbatim.';

create table catalog.book_author (
    book_id   bigint not null references catalog.book on delete cascade,
    author_id bigint not null references catalog.author,
    role      text not null default 'author',
    ord       int not null default 1,
    primary key (book_id, author_id, role)
);
create index book_author_author on catalog.book_author (author_id, book_id);
comment on table catalog.book_author is 'Who made a book, in order.';

create table catalog.book_category (
    book_id      bigint not null references catalog.book on delete cascade,
    category_id  bigint not null references catalog.category,
    language     text not null,
    published_at timestamptz not null,
    primary key (book_id, category_id)
);
create index book_category_shelf on catalog.book_category (category_id, language, published_at desc, book_id desc);
comment on table catalog.book_category is 'Shelf membership of published books, with the sort columns copied so that one index walk lists a shelf.';

create table catalog.part (
    book_id bigint not null references catalog.book on delete cascade,
    no      int not null check (no > 0),
    title   text not null default '',
    body    text not null,
    chars   int not null check (chars > 0),
    ends    int[] not null,
    septets int[] not null,
    primary key (book_id, no),
    check (cardinality(ends) = cardinality(septets) and cardinality(ends) > 0),
    check (ends[cardinality(ends)] = chars)
);
comment on table catalog.part is
'A chapter: NFC text, paragraphs joined by two newlines. ends: character offset after each sentence; septets: folded GSM-7 septets from the start to each of them. The last end is the length.';
