-- SPDX-License-Identifier: Apache-2.0
-- Texts of messages: septets as the sender will count them, and templates.

create or replace function messaging.septets(p text) returns int language plpgsql immutable as $$
begin
    -- Upper bound of the folded GSM 03.38 length: 2 for the extension table and for characters that fold to two, 3 for an ellipsis.
    return char_length(p)
        + char_length(regexp_replace(p, '[^][\\^{}~|€]+', '', 'g'))
        + char_length(regexp_replace(p, '[\u0001-\u007F£¥èéùìòÇØøÅåÆæßÉ¤¡ÄÖÑÜ§¿äöñüàÀÂÃÁÈÊËÌÍÎÏÒÓÔÕÙÚÛÝáâãçêëíîïóôõúûýÿºªŋŊɓƁɗƊƙƘƴƳ’‘“”«»–—€]+', '', 'g'))
        + char_length(regexp_replace(p, '[^…]+', '', 'g'));
end $$;
comment on function messaging.septets(text) is 'Never less than the septets of the folded text; exact for the languages of the menus.';

create or replace function messaging.render(p_key text, p_lang text, p_vars jsonb) returns text language plpgsql stable as $$
declare
    v_body text;
    v record;
begin
    select t.body into v_body from messaging.template t where t.key = p_key and t.lang = p_lang;
    if not found then
        select t.body into v_body from messaging.template t where t.key = p_key
        order by (t.lang = (select l.falls_to from ops.language l where l.code = p_lang)) desc nulls last,
            (select l.sort from ops.language l where l.code = t.lang), t.lang limit 1;
    end if;
    for v in select e.key, e.value from jsonb_each_text(coalesce(p_vars, '{}')) e loop
        v_body := replace(v_body, '{' || v.key || '}', coalesce(v.value, ''));
    end loop;
    return v_body;
end $$;
comment on function messaging.render(text, text, jsonb) is
'A template in a language (else the one it falls back to, else the first) with its {names} replaced; null when there is none.';
