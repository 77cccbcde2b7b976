-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.claim_refund_work(p_owner text, p_max int)
returns table (refund_id bigint, our_ref uuid, version int, action text, rail text, amount_minor bigint, currency text, refund_ref text,
               charge_ref uuid, rail_ref text, rail_txn text, memo_sealed bytea, payer_sealed bytea, payer_country text,
               payer_network text, plan_label text) language plpgsql as $$
#variable_conflict use_column
declare
    w record;
begin
    for w in select * from billing.claim_refunds(p_owner, p_max) loop
        return query
        select w.refund_id, w.our_ref, w.version, w.action, w.rail, w.amount_minor, w.currency, f.rail_ref,
            c.our_ref, c.rail_ref, c.rail_txn, c.memo_sealed, i.sealed, i.country::text, i.network,
            coalesce(ops.named(pl.names, u.lang), pl.code)
        from billing.refund f, billing.charge c, auth.identity i, auth.users u, billing.plan pl
        where f.id = w.refund_id and c.id = w.charge_id and i.id = c.identity_id and u.id = i.user_id and pl.id = c.plan_id;
    end loop;
end $$;
comment on function billing.claim_refund_work(text, int) is
'billing.claim_refunds with all that a rail may need: the charge as the rail knows it, its payer, and what the rail called this refund in an earlier answer (refund_ref).';
