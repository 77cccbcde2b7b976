-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.supersede_charge(p_user_id bigint, p_step_key text)
returns table (outcome text, charge_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'supersede_charge');
    v_now timestamptz := ops.now();
    c billing.charge;
begin
    if v is null then
        perform 1 from auth.users where id = p_user_id for no key update;
        select * into c from billing.charge
        where coalesce(gift_by, user_id) = p_user_id and not superseded
          and state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED')
        for update;
        if not found then
            v := jsonb_build_object('outcome', 'none', 'charge_id', null);
        elsif c.state in ('PENDING', 'UNKNOWN', 'UNRESOLVED') and c.prompt_expires_at + interval '10 minutes' <= v_now then
            -- Who works on it records under the old version and is refused: a lease is left to run out. A link is ended at once.
            update billing.charge set superseded = true, version = version + 1,
                due_at = case when claimed_by is null and link_sealed is not null then v_now else due_at end
            where id = c.id;
            perform ops.audit_put('user:' || p_user_id, 'charge.superseded', 'charge:' || c.id, '{}');
            v := jsonb_build_object('outcome', 'ok', 'charge_id', c.id);
        else
            v := jsonb_build_object('outcome', 'too_early', 'charge_id', c.id);
        end if;
        perform ops.step_end(p_step_key, 'supersede_charge', v);
    end if;
    return query select r.* from jsonb_to_record(v) as r(outcome text, charge_id bigint);
end $$;
comment on function billing.supersede_charge(bigint, text) is
'After an explicit warning, a reader whose payment hangs 10 min past its prompt may pay anew (I1). The old charge is still polled (I13); should both succeed, the second to do so becomes credit.
outcome: ok | none (nothing open) | too_early.';

create or replace function billing.is_stuck(p_user_id bigint) returns boolean language plpgsql stable as $$
begin
    return exists (select 1 from billing.charge c
                   where coalesce(c.gift_by, c.user_id) = p_user_id and not c.superseded
                     and c.state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED')
                     and c.state in ('PENDING', 'UNKNOWN', 'UNRESOLVED') and c.prompt_expires_at + interval '10 minutes' <= ops.now());
end $$;
comment on function billing.is_stuck(bigint) is 'Whether billing.supersede_charge would let this reader pay another way now.';
