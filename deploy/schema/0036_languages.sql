-- SPDX-License-Identifier: Apache-2.0
-- 0036 ops, messaging: languages of the menus as rows, what each falls back to, and the second language of a country.
set local lock_timeout = '3s';

create table ops.language (
    code     text primary key check (code ~ '^[a-z]{2,3}$'),
    name     text not null,
    falls_to text references ops.language,
    sort     int not null unique,
    check (falls_to <> code)
);
comment on table ops.language is
'Languages that menus/coko/flow.json has, named in their own words. falls_to: whose names and books a reader sees where this one has none; the first by sort is everybody''s last resort.';

alter table ops.country add column second_lang text references ops.language;
comment on column ops.country.second_lang is 'What the first screen offers by one key beside lang.';

alter table messaging.keyword add column lang text references ops.language;
comment on column messaging.keyword.lang is 'The language that a first text with this word tells; null: none.';
create index keyword_lang on messaging.keyword (lang);
create index country_second_lang on ops.country (second_lang);
create index language_falls_to on ops.language (falls_to);
