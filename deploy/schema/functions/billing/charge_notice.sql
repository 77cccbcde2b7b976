-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.credited_of(p_charge billing.charge) returns bigint language plpgsql stable as $$
begin
    return coalesce((select -sum(e.amount_minor) from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
                     where t.charge_id = p_charge.id and t.kind = 'credit' and e.account = 'liability'), p_charge.amount_minor);
end $$;
comment on function billing.credited_of(billing.charge) is
'What became credit of a charge: what was received, which a person may have credited although it was not the price.';

create or replace function billing.charge_notice(p_charge_id bigint, p_template text) returns void language plpgsql as $$
declare
    c billing.charge;
    v_to bigint;
    v_lang text;
    v_ref text;
    v_short text;
    v_vars jsonb;
    v_body text;
    v_payer boolean;
    v_key text;
    v_all text := case when exists (select 1 from messaging.template t where t.key = p_template) then p_template
                       when p_template = 'credited' then 'pending_review' else p_template end;
begin
    select * into c from billing.charge where id = p_charge_id;
    -- Of a debit that she need not answer she hears by billing.renew_look, with what comes next.
    if c.mandate_id is not null and p_template in ('declined', 'expired', 'unanswered') then
        return;
    end if;
    -- Its reader gave it up for another way to pay: that it came to nothing is no news, and would be read of the other.
    if c.superseded and p_template in ('declined', 'expired', 'unanswered') then
        return;
    end if;
    for v_to, v_lang, v_payer in
        select i.id, u.lang, true from auth.identity i join auth.users u on u.id = i.user_id where i.id = c.identity_id
        union
        (select i.id, u.lang, false from auth.identity i join auth.users u on u.id = i.user_id
         where i.user_id = c.user_id and i.kind = 'phone' and p_template in ('receipt', 'gift')
           and not exists (select 1 from auth.identity p where p.id = c.identity_id and p.user_id = c.user_id)
         order by i.last_seen_at desc, i.id limit 1)
    loop
        v_key := case when p_template = 'receipt' and c.mandate_id is not null then 'receipt_auto' when p_template <> 'gift' then v_all when v_payer then 'gift_sent' else 'gift_received' end;
        v_ref := coalesce(c.rail_txn, left(c.our_ref::text, 8));
        v_vars := jsonb_build_object(
            'plan', (select coalesce(ops.named(p.names, v_lang), p.code) from billing.plan p where p.id = c.plan_id),
            'dial', (select messaging.dial_code_of(i.country) from auth.identity i where i.id = v_to),
            'title', left((select b.title from catalog.book b where b.id = c.book_id), 40),
            'amount', billing.money_text(case when p_template in ('receipt', 'receipt_book', 'gift') then c.amount_minor + c.credit_minor
                                              when p_template = 'credited' then billing.credited_of(c)
                                              else c.amount_minor end, c.currency), 'ref', v_ref, 'txn', v_ref,
            'until', coalesce((select billing.local_text(c.user_id, e.ends_at) from billing.entitlement e where e.charge_id = c.id), ''));
        -- One segment, whatever the rail's transaction id: first a short id, then none.
        v_body := messaging.render(v_key, v_lang, v_vars);
        foreach v_short in array array[right(v_ref, 6), ''] loop
            exit when messaging.septets(v_body) <= 160;
            v_vars := v_vars || jsonb_build_object('ref', v_short, 'txn', v_short);
            v_body := messaging.render(v_key, v_lang, v_vars);
        end loop;
        perform messaging.enqueue_body(v_to, 'receipt', v_lang, v_key, v_vars, v_body,
            'charge:' || c.id || ':' || p_template || ':' || v_to);
    end loop;
end $$;
comment on function billing.charge_notice(bigint, text) is
'One SMS about a charge to its payer, and for a receipt or gift also to the reader who was given the pass; once a template and phone (I4), within 160 septets. Templates: receipt (receipt_auto under a mandate) receipt_book gift (gift_sent, gift_received) declined expired unanswered pending_review credited; of a superseded charge, not that it came to nothing. Variables: plan amount until ref title dial.';
