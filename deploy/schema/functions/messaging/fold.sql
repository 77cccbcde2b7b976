-- SPDX-License-Identifier: Apache-2.0
-- What may be done to letters that the alphabet of phones lacks. The bytes are of gateway/sms/compose.c.

create or replace function messaging.fold_of(p_book_id bigint) returns text language plpgsql stable as $$
begin
    return (select coalesce(b.fold_rule, (select r.rule from messaging.fold_rule r where r.lang in (b.language, '*')
                                          order by (r.lang = '*') limit 1), 'cheap')
            from catalog.book b where b.id = p_book_id);
end $$;
comment on function messaging.fold_of(bigint) is 'keep | cheap | always: the book''s own rule, else its language''s, else that of ''*''.';

create or replace function messaging.units(p text) returns int language plpgsql immutable as $$
begin
    return char_length(p) + char_length(regexp_replace(p, '[^\U00010000-\U0010FFFF]+', '', 'g'));
end $$;
comment on function messaging.units(text) is 'UTF-16 units of a text: what UCS-2 needs.';

create or replace function messaging.only_signs(p text) returns boolean language plpgsql immutable as $$
begin
    return p !~ '[^\u0001-\u007F\u00A0-\u00A9\u00AB-\u00B4\u00B6-\u00B9\u00BB-\u00BFèéùìòÇØøÅåÆæßÉÄÖÑÜäöñüà×÷\u2000-\u2BFFΔΦΓΛΩΠΨΣΘΞ]';
end $$;
comment on function messaging.only_signs(text) is 'Whether a text keeps its letters in the alphabet of phones: at most signs are folded.';

create or replace function catalog.set_fold(p_operator text, p_slug text, p_rule text) returns table (outcome text, rule text) language plpgsql as $$
declare
    v_id bigint;
begin
    update catalog.book b set fold_rule = nullif(p_rule, 'language') where b.slug = p_slug returning b.id into v_id;
    if v_id is null then
        return query select 'no_book', null::text;
        return;
    end if;
    perform ops.audit_put('operator:' || p_operator, 'book.fold', 'book:' || v_id, jsonb_build_object('rule', p_rule));
    return query select 'set', messaging.fold_of(v_id);
end $$;
comment on function catalog.set_fold(text, text, text) is
'`coko book fold`: keep, cheap, always, or language (no rule of its own). outcome: set (with the rule now in force) | no_book. An import of the book again leaves it.';
