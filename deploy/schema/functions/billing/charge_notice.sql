-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.credited_of(p_charge billing.charge) returns bigint language plpgsql stable as $$
begin
    return coalesce((select -sum(e.amount_minor) from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
                     where t.charge_id = p_charge.id and t.kind = 'credit' and e.account = 'liability'), p_charge.amount_minor);
end $$;
comment on function billing.credited_of(billing.charge) is
'What became credit of a charge: what was received, which a person may have credited although it was not the price.';

create or replace function billing.charge_say(p_charge billing.charge, p_notice text, p_template text, p_to bigint, p_country text, p_lang text)
returns void language plpgsql as $$
declare
    c billing.charge := p_charge;
    v_ref text := coalesce(c.rail_txn, left(c.our_ref::text, 8));
    v_amount bigint := case when p_notice in ('receipt', 'receipt_book', 'gift') then c.amount_minor + c.credit_minor
                            when p_notice = 'credited' then billing.credited_of(c) else c.amount_minor end;
    v_vars jsonb := jsonb_build_object(
        'plan', (select coalesce(ops.named(p.names, p_lang), p.code) from billing.plan p where p.id = c.plan_id),
        'dial', messaging.dial_code_of(p_country),
        'title', left((select b.title from catalog.book b where b.id = c.book_id), 40),
        'amount', billing.money_text(v_amount, c.currency), 'ref', v_ref, 'txn', v_ref,
        'until', coalesce((select billing.local_text(c.user_id, e.ends_at) from billing.entitlement e where e.charge_id = c.id), ''));
    v_body text := messaging.render(p_template, p_lang, v_vars);
    v_short text;
begin
    -- One segment, whatever the rail's transaction id: first a short id, then none.
    foreach v_short in array array[right(v_ref, 6), ''] loop
        exit when messaging.septets(v_body) <= 160;
        v_vars := v_vars || jsonb_build_object('ref', v_short, 'txn', v_short);
        v_body := messaging.render(p_template, p_lang, v_vars);
    end loop;
    perform messaging.enqueue_body(p_to, 'receipt', p_lang, p_template, v_vars, v_body, 'charge:' || c.id || ':' || p_notice || ':' || p_to);
end $$;
comment on function billing.charge_say(billing.charge, text, text, bigint, text, text) is
'One of the SMS of a billing.charge_notice, to one phone, once (I4), within 160 septets.';

create or replace function billing.charge_notice(p_charge_id bigint, p_template text) returns void language plpgsql as $$
declare
    c billing.charge;
    v_template text := p_template;
    payer record;
    reader record;
begin
    select * into c from billing.charge where id = p_charge_id;
    -- Of a debit that she need not answer she hears by billing.renew_look, with what comes next. And when its reader gave it up
    -- for another way to pay, that it came to nothing is no news, and would be read of the other.
    if (c.mandate_id is not null or c.superseded) and p_template in ('declined', 'expired', 'unanswered') then
        return;
    end if;
    if p_template = 'receipt' and c.mandate_id is not null then
        v_template := 'receipt_auto';
    elsif p_template = 'credited' and not exists (select 1 from messaging.template t where t.key = p_template) then
        v_template := 'pending_review';
    end if;
    select i.id, i.user_id, i.country, u.lang into payer from auth.identity i join auth.users u on u.id = i.user_id where i.id = c.identity_id;
    perform billing.charge_say(c, p_template, case p_template when 'gift' then 'gift_sent' else v_template end, payer.id, payer.country, payer.lang);
    if p_template in ('receipt', 'gift') and payer.user_id <> c.user_id then
        select i.id, i.country, u.lang into reader from auth.identity i join auth.users u on u.id = i.user_id
        where i.user_id = c.user_id and i.kind = 'phone' order by i.last_seen_at desc, i.id limit 1;
        if found then
            perform billing.charge_say(c, p_template, case p_template when 'gift' then 'gift_received' else v_template end,
                                       reader.id, reader.country, reader.lang);
        end if;
    end if;
end $$;
comment on function billing.charge_notice(bigint, text) is
'One SMS about a charge to its payer, and for a receipt or gift also to the reader who was given the pass; once a template and phone (I4), within 160 septets. Templates: receipt (receipt_auto under a mandate) receipt_book gift (gift_sent, gift_received) declined expired unanswered pending_review credited; of a superseded charge, not that it came to nothing. Variables: plan amount until ref title dial.';
