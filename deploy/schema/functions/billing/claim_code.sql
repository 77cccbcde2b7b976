-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.claim_code(p_owner text, p_user_id bigint, p_step_key text)
returns table (charge_id bigint, our_ref uuid, rail text, state text, amount_minor bigint, currency text, payer_sealed bytea,
               plan_label text, polls int, version int, action text, rail_ref text, memo_sealed bytea, link_sealed bytea,
               payer_country text, payer_network text, flow text) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    c billing.charge;
    r billing.rail;
    i auth.identity;
begin
    if ops.step_begin(p_step_key, 'type_code') is not null then
        return;
    end if;
    perform 1 from auth.users where id = p_user_id for no key update;
    select ch.* into c from billing.charge ch
    where coalesce(ch.gift_by, ch.user_id) = p_user_id and not ch.superseded and ch.state = 'CREATED' for update;
    select * into r from billing.rail where code = c.rail;
    select * into i from auth.identity where id = c.identity_id;
    if r.flow is distinct from 'code' or (not r.lab and exists (select 1 from billing.test_number t where t.lookup = i.lookup)) then
        perform ops.step_end(p_step_key, 'type_code', '{}');
        return;
    elsif not billing.rail_admits(c, r.submit_lease_s, v_now) then
        -- As a code that could not be sent: he has time to fetch another. But an hour after he confirmed it nothing of it may
        -- leave any more, also not by a link in the code's place (billing.take_charges).
        update billing.charge set due_at = greatest(due_at, least(v_now + make_interval(secs => r.prompt_s), created_at + interval '1 hour'))
        where id = c.id;
        perform ops.step_end(p_step_key, 'type_code', '{"away": true}');
        return;
    end if;
    insert into billing.attempt (charge_id, n, sent_at, owner, epoch) values (c.id, c.attempts + 1, v_now, p_owner, 0);
    update billing.charge set state = 'SUBMITTING', attempts = c.attempts + 1, submitted_at = v_now, version = c.version + 1,
        due_at = v_now + make_interval(secs => r.submit_lease_s), claimed_by = p_owner, claimed_epoch = 0
    where id = c.id;
    perform ops.step_end(p_step_key, 'type_code', jsonb_build_object('charge_id', c.id, 'attempt', c.attempts + 1));
    return query
    select c.id, c.our_ref, c.rail, 'SUBMITTING', c.amount_minor, c.currency::text, i.sealed, coalesce(ops.named(pl.names, u.lang), pl.code),
        c.polls, c.version + 1, 'submit', c.rail_ref, c.memo_sealed, c.link_sealed, i.country::text, i.network, r.flow
    from billing.plan pl, auth.users u where pl.id = c.plan_id and u.id = i.user_id;
end $$;
comment on function billing.claim_code(text, bigint, text) is
'A reader typed the code that his charge waits for. The claim of that one charge, as billing.claim_rail_work gives it: SUBMITTING and the attempt row are committed before the code leaves (I2); the code itself is never here (S5).
No row: no charge waits for a code, its rail is away (billing.rail_gate), or this step claimed it before (S2). Whoever holds the row has the code in memory; when he dies the lease lapses, and the rail is asked about the reference (M4).';
