-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.claim_rail_work(p_owner text, p_epoch bigint, p_max int)
returns table (charge_id bigint, our_ref uuid, rail text, state text, amount_minor bigint, currency text, payer_sealed bytea,
               plan_label text, polls int, version int, action text, rail_ref text, memo_sealed bytea, link_sealed bytea,
               payer_country text, payer_network text, flow text) language plpgsql as $$
#variable_conflict use_column
declare
    -- A statement of its own: what is read beside the rows it took must not be older than they are.
    v_taken billing.charge[] := billing.take_charges(p_owner, p_epoch, p_max);
begin
    return query
    select c.id, c.our_ref, c.rail, c.state, c.amount_minor, c.currency::text, i.sealed, coalesce(ops.named(pl.names, u.lang), pl.code),
        c.polls, c.version,
        case when c.state = 'SUBMITTING' then 'submit'
             when r.flow = 'link' and c.state in ('PENDING', 'UNKNOWN', 'UNRESOLVED')
                  and (c.superseded or c.link_expires_at <= ops.now()) then 'revoke' else 'poll' end,
        c.rail_ref, c.memo_sealed, c.link_sealed, i.country::text, i.network, r.flow
    from unnest(v_taken) with ordinality c
    join auth.identity i on i.id = c.identity_id
    join billing.plan pl on pl.id = c.plan_id
    join auth.users u on u.id = i.user_id
    join billing.rail r on r.code = c.rail
    order by c.ordinality;
end $$;
comment on function billing.claim_rail_work(text, bigint, int) is
'billing.take_charges with all that a rail may need: its own reference and memo from earlier answers, the link handed out, country and network of the payer.
action: submit | poll; also revoke, a question about a link that nobody should pay any more, because another charge took its place or its time is over: the rail ends it if it can, then tells (I13).';
