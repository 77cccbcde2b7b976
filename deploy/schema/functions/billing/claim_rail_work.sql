-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.claim_rail_work(p_owner text, p_epoch bigint, p_max int)
returns table (charge_id bigint, our_ref uuid, rail text, state text, amount_minor bigint, currency text, payer_sealed bytea,
               plan_label text, polls int, version int, action text, rail_ref text, memo_sealed bytea, link_sealed bytea,
               payer_country text, payer_network text, flow text) language plpgsql as $$
#variable_conflict use_column
declare
    w record;
begin
    for w in select * from billing.claim_charges(p_owner, p_epoch, p_max) loop
        return query
        select w.charge_id, w.our_ref, w.rail, w.state, w.amount_minor, w.currency, w.payer_sealed, w.plan_label, w.polls, w.version,
            case when w.action = 'poll' and r.flow = 'link' and w.state in ('PENDING', 'UNKNOWN', 'UNRESOLVED')
                      and (c.superseded or c.link_expires_at <= ops.now()) then 'revoke' else w.action end,
            c.rail_ref, c.memo_sealed, c.link_sealed, i.country::text, i.network, r.flow
        from billing.charge c, auth.identity i, billing.rail r
        where c.id = w.charge_id and i.id = c.identity_id and r.code = c.rail;
    end loop;
end $$;
comment on function billing.claim_rail_work(text, bigint, int) is
'billing.claim_charges with all that a rail may need: its own reference and memo from earlier answers, the link handed out, country and network of the payer.
action: also revoke, a question about a link that nobody should pay any more, because another charge took its place or its time is over: the rail ends it if it can, then tells (I13).';
