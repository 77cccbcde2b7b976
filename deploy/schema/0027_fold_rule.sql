-- SPDX-License-Identifier: Apache-2.0
-- 0027 messaging, catalog: what may be done to letters that the alphabet of phones lacks, by book and language.
set local lock_timeout = '3s';

create table messaging.fold_rule (
    lang text primary key,
    rule text not null check (rule in ('keep', 'cheap', 'always'))
);
comment on table messaging.fold_rule is
'How instalments in a language are written; ''*'' is any, after the named ones. keep = letters stay (a shift table or Latin-1 where the route takes it, else UCS-2: about twice the parts); cheap = folded where that saves a part; always = folded. Signs (quotes, dashes) are no letters. What has no counterpart is never folded.';

alter table catalog.book add column fold_rule text check (fold_rule in ('keep', 'cheap', 'always'));
comment on column catalog.book.fold_rule is 'As messaging.fold_rule, for this book; null: its language''s.';

alter table catalog.part
    add column units int[],
    add column folds smallint[],
    add column title_folds smallint,
    add constraint part_units check (units is null or (cardinality(units) = cardinality(ends) and cardinality(folds) = cardinality(ends)));
comment on column catalog.part.units is 'UTF-16 units from the start to each sentence end: what UCS-2 needs. Null, with folds, in books imported before 0027.';
comment on column catalog.part.folds is 'A sentence each: 0 = in the alphabet of phones, but for signs; 1 = letters would be folded; 2 = characters without a counterpart.';

alter table messaging.message add column fold text;
comment on column messaging.message.fold is 'Of an instalment: keep, cheap or always, as its book''s rule was when it was made; null: the link''s encoding decides.';
