-- SPDX-License-Identifier: Apache-2.0
create or replace function auth.dial_in(p_lookup bytea, p_sealed bytea, p_key_id int, p_country text, p_network text, p_ds text, p_lang text)
returns table (identity_id bigint, user_id bigint, lang text, is_new boolean, pending text, pending_ref text,
               continue_title text, pass_until timestamptz) language plpgsql as $$
#variable_conflict use_column
declare
    f record;
begin
    select * into f from auth.identity_find(p_lookup, p_sealed, p_key_id, p_country, p_network, p_ds);
    -- The carrier's word is a first guess, better than the country's; lang_set stays false.
    if f.is_new and ops.language_said(p_lang) <> '' then
        update auth.users set lang = ops.language_said(p_lang) where id = f.user_id;
    end if;
    return query
    select f.identity_id, f.user_id, u.lang, i.welcomed_at is null,
        case when c.our_ref is null then '' else 'charge' end,
        coalesce(c.our_ref::text, ''),
        coalesce((select k.title from reading.continue(f.user_id) k), ''),
        billing.pass_until(f.user_id, ops.now())
    from auth.users u
    join auth.identity i on i.id = f.identity_id
    left join lateral (
        select ch.our_ref from billing.charge ch
        where coalesce(ch.gift_by, ch.user_id) = f.user_id and not ch.superseded
          and ch.state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED')
        limit 1) c on true
    where u.id = f.user_id;
end $$;
comment on function auth.dial_in(bytea, bytea, int, text, text, text, text) is
'First hop of a USSD session: identity and reader (made at first dial, in the language that the carrier says, p_lang, else in that of the country), is_new until somebody went on from the welcome screen (auth.welcomed), pending '''' | ''charge'' with its our_ref (re-dial shows the state, never a fresh pay menu), title to continue or '''', end of the pass or null.';

create or replace function auth.dial(p_lookup bytea, p_sealed bytea, p_key_id int, p_country text, p_network text, p_ds text)
returns table (identity_id bigint, user_id bigint, lang text, is_new boolean, pending text, pending_ref text,
               continue_title text, pass_until timestamptz) language plpgsql as $$
begin
    return query select * from auth.dial_in(p_lookup, p_sealed, p_key_id, p_country, p_network, p_ds, '');
end $$;
comment on function auth.dial(bytea, bytea, int, text, text, text) is 'auth.dial_in of a carrier that says no language; for one release.';
