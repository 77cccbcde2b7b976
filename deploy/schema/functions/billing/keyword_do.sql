-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.keyword_do(p_user_id bigint, p_identity_id bigint, p_action text, p_macs bytea[])
returns table (outcome text, message_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_lang text := (select u.lang from auth.users u where u.id = p_user_id);
    v_dial text := (select messaging.dial_code_of(i.country) from auth.identity i where i.id = p_identity_id);
    v record;
    v_key text;
    v_vars jsonb := jsonb_build_object('dial', v_dial);
    v_outcome text;
begin
    if p_action = 'redeem' then
        select * into v from billing.redeem(p_user_id, p_identity_id, coalesce(p_macs, '{}'), null, 'sms');
        v_outcome := v.outcome;
        v_key := case v.outcome when 'granted' then null when 'yours' then 'voucher_done' when 'used' then 'voucher_used' when 'over' then 'voucher_over'
                                when 'limited' then 'voucher_limited' else 'voucher_unknown' end;
        v_vars := v_vars || jsonb_build_object('plan', v.label, 'until', v.until_text);
        if v_key is null then
            return query select v.outcome, v.message_id;
            return;
        end if;
    elsif p_action = 'cancel' then
        select * into v from billing.cancel_renewal(p_user_id, p_identity_id, null, 'sms');
        v_outcome := v.outcome;
        v_key := case v.outcome when 'cancelled' then null when 'already' then 'cancel_done' else 'pass_none' end;
        v_vars := v_vars || jsonb_build_object('until', v.until_text);
        if v_key is null then
            return query select v.outcome, v.message_id;
            return;
        end if;
    elsif p_action = 'renew' then
        select * into v from billing.renew(p_user_id, p_identity_id, 'sms');
        v_outcome := v.outcome;
        v_key := case when v.outcome in ('created', 'code', 'pending') then 'pay_started' when v.outcome = 'active' then 'pass_status'
                      when v.outcome = 'paid' then null when v.outcome = 'wait' then 'expired' else 'pass_none' end;
        if v_key is null then
            return query select v.outcome, null::bigint;
            return;
        end if;
        v_vars := v_vars || jsonb_build_object('amount', v.amount_text, 'hint', v.hint, 'plan', v.label) ||
            coalesce((select jsonb_build_object('plan', m.label, 'until', m.until_text) from billing.my_pass(p_user_id, v_lang) m
                      where v.outcome = 'active'), '{}');
    else
        select * into v from billing.my_pass(p_user_id, v_lang);
        v_outcome := v.outcome;
        v_key := case v.outcome when 'active' then 'pass_status' when 'grace' then 'pass_status' when 'pending' then 'unanswered' else 'pass_none' end;
        v_vars := v_vars || jsonb_build_object('plan', v.label, 'until', v.until_text, 'amount', '');
        if v_key = 'unanswered' then
            select case l.stage when 'code' then 'pay_started' else v_key end,
                v_vars || jsonb_build_object('plan', l.label, 'amount', l.amount_text, 'hint', billing.live_hint(p_user_id, v_lang))
            into v_key, v_vars from billing.live_stage(p_user_id, v_lang) l;
        end if;
    end if;
    return query select v_outcome, x.message_id from messaging.enqueue(p_identity_id, 'reply', v_lang, v_key, v_vars, null) x;
end $$;
comment on function billing.keyword_do(bigint, bigint, text, bytea[]) is
'What a reader''s word about her pass does, and its one reply: redeem (the code''s hashes in macs), renew, cancel, status. Outcomes of the functions that do it.';

create or replace function billing.renew(p_user_id bigint, p_identity_id bigint, p_channel text)
returns table (outcome text, label text, amount_text text, hint text) language plpgsql as $$
#variable_conflict use_column
declare
    v_lang text := (select u.lang from auth.users u where u.id = p_user_id);
    n record;
    c record;
begin
    select r.plan_id, r.price_id, coalesce(ops.named(pl.names, v_lang), pl.code) as label, billing.money_text(p.amount_minor, p.currency) as amount,
        coalesce(ops.named(pl.period_names, v_lang), pl.code) as period
    into n from billing.renewal_plan(p_user_id) r join billing.plan pl on pl.id = r.plan_id join billing.price p on p.id = r.price_id;
    if not found then
        return query select 'none', '', '', '';
        return;
    end if;
    select * into c from billing.start_charge(p_user_id, p_identity_id, n.plan_id, n.price_id, null,
        n.label || ' : ' || n.amount || ', ' || n.period || ' (RENOUVELER)', p_channel);
    return query select c.outcome, n.label, coalesce(billing.money_text(c.amount_minor, c.currency), n.amount), coalesce(c.hint, '');
end $$;
comment on function billing.renew(bigint, bigint, text) is
'The reader asks by one word for the next period of what she had (billing.renewal_plan): the reminder that named plan and price is the offer, her word its acceptance, and the prompt of her wallet the confirmation. Outcomes of billing.start_charge; none: nothing to renew.';
