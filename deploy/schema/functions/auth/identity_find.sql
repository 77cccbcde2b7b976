-- SPDX-License-Identifier: Apache-2.0
-- The network is settled here, while the first digits of the number are known: afterwards it is sealed.

create or replace function ops.network_said(p_country text, p_network text) returns text language plpgsql stable as $$
declare
    v_said text := split_part(coalesce(p_network, ''), '+', 1);
begin
    -- Rails and routes go by our own word for a network; many aggregators send its MCC+MNC.
    return coalesce((select n.network from ops.network_code n where n.code = v_said and n.country = p_country),
                    (select n.code from ops.network n where n.country = p_country and n.code = lower(v_said)), '');
end $$;
comment on function ops.network_said(text, text) is
'Our word for the network that a carrier named (MCC+MNC or our own word, before any ''+''); '''' when it named none that the country has.';

create or replace function ops.network_guess(p_country text, p_network text) returns text language plpgsql stable as $$
declare
    v_digits text := split_part(coalesce(p_network, ''), '+', 2);
begin
    return coalesce((select p.network from ops.network_prefix p
                     where p.prefix in (left(v_digits, 7), left(v_digits, 6), left(v_digits, 5), left(v_digits, 4)) and p.country = p_country
                     order by length(p.prefix) desc limit 1),
                    split_part(coalesce(p_network, ''), '+', 1));
end $$;
comment on function ops.network_guess(text, text) is
'Network of the longest prefix that the digits after ''+'' begin with, else the carrier''s own word as it is, maybe ''''.';

create or replace function auth.identity_find(p_lookup bytea, p_sealed bytea, p_key_id int, p_country text, p_network text, p_ds text)
returns table (identity_id bigint, user_id bigint, is_new boolean) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    i auth.identity;
    v_network text := ops.network_said(p_country, p_network);
begin
    select * into i from auth.identity where kind = 'phone' and lookup = p_lookup;
    if not found then
        perform pg_advisory_xact_lock(hashtextextended('identity' || encode(p_lookup, 'hex'), 26));
        select * into i from auth.identity where kind = 'phone' and lookup = p_lookup;
    end if;
    -- What a carrier says corrects a number that was ported; a prefix only fills what nobody has said.
    if v_network = '' and coalesce(i.network, '') = '' then
        v_network := ops.network_guess(p_country, p_network);
    end if;
    if i.id is not null then
        if i.last_seen_at < v_now - interval '1 day' or i.key_id <> p_key_id
           or (v_network <> '' and i.network <> v_network) or (coalesce(p_ds, '') <> '' and i.ds <> p_ds) then
            -- The reader's row first: the lock order of every function that takes both.
            perform 1 from auth.users u where u.id = i.user_id for no key update;
            update auth.identity set last_seen_at = v_now, sealed = p_sealed, key_id = p_key_id,
                network = coalesce(nullif(v_network, ''), network), ds = coalesce(nullif(p_ds, ''), ds)
            where id = i.id;
        end if;
        return query select i.id, i.user_id, false;
        return;
    end if;
    insert into auth.users (lang, country, created_at)
    values (ops.first_language(p_country), p_country, v_now)
    returning id into i.user_id;
    insert into auth.identity (user_id, lookup, sealed, key_id, country, network, ds, last_seen_at, created_at)
    values (i.user_id, p_lookup, p_sealed, p_key_id, p_country, v_network, coalesce(p_ds, ''), v_now, v_now)
    returning id into i.id;
    return query select i.id, i.user_id, true;
end $$;
comment on function auth.identity_find(bytea, bytea, int, text, text, text) is
'The identity of a phone number and its reader; both made at first sight, once however many callers race. Refreshes network, door and sealed value at most daily or when they changed (key rotation).
p_network: what the carrier said (MCC+MNC or our word), then ''+'' and the first digits of the number: ''61205+2250501'', ''+2250501'', ''mtn''. The digits place a number only whose network nobody has said.';
