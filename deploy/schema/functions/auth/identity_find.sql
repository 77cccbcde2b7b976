-- SPDX-License-Identifier: Apache-2.0
create or replace function auth.identity_find(p_lookup bytea, p_sealed bytea, p_key_id int, p_country text, p_network text, p_ds text)
returns table (identity_id bigint, user_id bigint, is_new boolean) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    i auth.identity;
    -- Rails and routes go by our own word for a network; many aggregators send its MCC+MNC.
    v_network text := coalesce((select n.network from ops.network_code n where n.code = p_network), p_network, '');
begin
    select * into i from auth.identity where kind = 'phone' and lookup = p_lookup;
    if not found then
        perform pg_advisory_xact_lock(hashtextextended('identity' || encode(p_lookup, 'hex'), 26));
        select * into i from auth.identity where kind = 'phone' and lookup = p_lookup;
    end if;
    if i.id is not null then
        if i.last_seen_at < v_now - interval '1 day' or i.key_id <> p_key_id
           or (v_network <> '' and i.network <> v_network) then
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
    values (coalesce((select c.lang from ops.country c where c.code = p_country), 'fr'), p_country, v_now)
    returning id into i.user_id;
    insert into auth.identity (user_id, lookup, sealed, key_id, country, network, ds, last_seen_at, created_at)
    values (i.user_id, p_lookup, p_sealed, p_key_id, p_country, v_network, coalesce(p_ds, ''), v_now, v_now)
    returning id into i.id;
    return query select i.id, i.user_id, true;
end $$;
comment on function auth.identity_find(bytea, bytea, int, text, text, text) is
'The identity of a phone number and its reader; both made at first sight, once however many callers race. Refreshes network and sealed value at most daily or when they changed (key rotation). The network may be given as MCC+MNC.';
