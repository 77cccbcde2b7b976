-- SPDX-License-Identifier: Apache-2.0
-- Which language, when nobody has said: by country, by what a language falls back to, by the first of all.

create or replace function ops.first_language(p_country text) returns text language plpgsql stable as $$
begin
    return coalesce((select c.lang from ops.country c where c.code = p_country),
                    (select l.code from ops.language l order by l.sort limit 1));
end $$;
comment on function ops.first_language(text) is 'Language of somebody of whom the country is known, or not even that.';

create or replace function ops.language_said(p_said text) returns text language plpgsql stable as $$
begin
    return coalesce((select l.code from ops.language l
                     where l.code = coalesce((select m.code from (values ('fra', 'fr'), ('fre', 'fr'), ('eng', 'en'), ('wol', 'wo'), ('por', 'pt'),
                                                                         ('swa', 'sw'), ('hau', 'ha')) m (iso3, code)
                                              where m.iso3 = lower(p_said)), lower(p_said))), '');
end $$;
comment on function ops.language_said(text) is 'Our code of a language that a carrier names, in two letters or three (ISO 639); '''' when it is none of ops.language.';

create or replace function ops.other_language(p_country text, p_lang text) returns table (code text, name text) language sql stable as $$
    select l.code, l.name
    from ops.country c
    join ops.language l on l.code = case when c.second_lang = p_lang then c.lang else c.second_lang end
    where c.code = p_country
$$;
comment on function ops.other_language(text, text) is
'What one key switches to from a language: the country''s second, or from that its first. No row: a country with one.';

create or replace function ops.named(p_names jsonb, p_lang text) returns text language plpgsql stable as $$
begin
    return coalesce(p_names->>p_lang,
        (select p_names->>l.falls_to from ops.language l where l.code = p_lang),
        (select p_names->>l.code from ops.language l where p_names ? l.code order by l.sort limit 1));
end $$;
comment on function ops.named(jsonb, text) is
'A name in a language, else in the one it falls back to, else in the first of ops.language that there is; null when there is none.';
