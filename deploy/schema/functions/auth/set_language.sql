-- SPDX-License-Identifier: Apache-2.0
create or replace function auth.set_language(p_user_id bigint, p_lang text)
returns table (outcome text, lang text) language plpgsql as $$
#variable_conflict use_column
begin
    if not exists (select 1 from ops.language l where l.code = p_lang) then
        return query select 'unknown', u.lang from auth.users u where u.id = p_user_id;
        return;
    end if;
    update auth.users u set lang = p_lang, lang_set = true, version = u.version + 1
    where u.id = p_user_id and (u.lang <> p_lang or not u.lang_set);
    return query select 'ok', u.lang from auth.users u where u.id = p_user_id;
end $$;
comment on function auth.set_language(bigint, text) is 'outcome: ok | unknown (no language of the menus; nothing changed). Setting it twice is harmless.';
