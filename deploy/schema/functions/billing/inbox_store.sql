-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.inbox_store(p_rail text, p_dedupe_key bytea, p_headers_sealed bytea, p_body_sealed bytea,
                                               p_verified boolean, p_hint text, p_proof bytea)
returns table (outcome text) language plpgsql as $$
#variable_conflict use_column
begin
    if p_proof is not null and not exists (
        select 1 from billing.charge c
        where c.id = billing.charge_of_hint(p_rail, p_hint) and c.callback_mac = p_proof) then
        return query select 'refused';
        return;
    end if;
    return query select i.outcome from billing.inbox_put(p_rail, p_dedupe_key, p_headers_sealed, p_body_sealed,
                                                         p_verified or p_proof is not null, p_hint) i;
end $$;
comment on function billing.inbox_store(text, bytea, bytea, bytea, boolean, text, bytea) is
'billing.inbox_put for rails whose callbacks carry a secret: proof is its keyed hash and must be that of the charge that the hint names (hard case 18), else ''refused'', alike for a wrong secret and an unknown charge, and nothing is stored. null: no secret is asked for.';

create or replace function billing.charge_of_hint(p_rail text, p_hint text) returns bigint language plpgsql stable as $$
begin
    if p_hint ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' then
        return (select c.id from billing.charge c where c.our_ref = p_hint::uuid and c.rail = p_rail);
    end if;
    return (select c.id from billing.charge c where c.rail = p_rail and c.rail_ref = p_hint order by c.id desc limit 1);
end $$;
comment on function billing.charge_of_hint(text, text) is
'The charge that a callback speaks of: by our reference, else by the rail''s own id. Null when it is none of ours, or of another rail.';
