-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.sender_of(p_account text, p_message_id bigint)
returns table (sender text, kind text) language sql stable rows 1 as $$
    -- limit: it becomes a part of its caller's plan, but stays one look-up by keys for each message.
    select coalesce(c.sender, a.sender), coalesce(c.kind, a.kind)
    from messaging.message m join auth.identity i on i.id = m.identity_id
    left join messaging.sender c on c.account = p_account and c.country = i.country::text
    left join messaging.sender a on a.account = p_account and a.country = '*'
    where m.id = p_message_id and coalesce(c.sender, a.sender) is not null
    limit 1
$$;
comment on function messaging.sender_of(text, bigint) is
'The sender id of a message by an account; no row: the link''s own. Asked once a message, so that all its parts have one sender (M2).';

create or replace function messaging.two_way(p_account text, p_country text) returns boolean language plpgsql stable as $$
begin
    return coalesce((select s.two_way from messaging.sender s where s.account = p_account and s.country in (p_country, '*')
                     order by (s.country = '*') limit 1), true);
end $$;
comment on function messaging.two_way(text, text) is 'Whether a reader can answer what this account sends to a country.';

create or replace function messaging.dial_code_of(p_country text) returns text language plpgsql stable as $$
begin
    return (select d.code from messaging.dial_code d where d.country in (p_country, '*') order by (d.country = '*') limit 1);
end $$;
comment on function messaging.dial_code_of(text) is 'What a reader of a country dials to reach Coko; null: nobody has said.';

create or replace function messaging.render_for(p_account text, p_country text, p_key text, p_lang text, p_vars jsonb)
returns text language plpgsql stable as $$
declare
    v_code text;
begin
    if messaging.two_way(p_account, p_country) then
        return messaging.render(p_key, p_lang, p_vars);
    end if;
    v_code := messaging.dial_code_of(p_country);
    if v_code is not null then
        return coalesce(messaging.render(p_key || '_dial', p_lang, coalesce(p_vars, '{}') || jsonb_build_object('code', v_code)),
                        messaging.render(p_key, p_lang, p_vars));
    end if;
    return case when p_key = 'instalment_foot' then '' else messaging.render(p_key, p_lang, p_vars) end;
end $$;
comment on function messaging.render_for(text, text, text, text, jsonb) is
'A template for a message by this account: where nobody can answer it, <key>_dial with {code} to dial instead of keywords; a foot that nobody could follow is left out.';
