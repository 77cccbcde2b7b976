-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.price_of(p_user_id bigint, p_plan_id bigint) returns bigint language plpgsql stable as $$
declare
    v_now timestamptz := ops.now();
    v_today billing.price;
    v_kept billing.price;
    v_charge bigint;
begin
    select p.* into v_today from billing.price p join auth.users u on u.id = p_user_id
    where p.plan_id = p_plan_id and p.country = u.country and p.valid_from <= v_now
    order by p.valid_from desc limit 1;
    -- One table after the other: joined, an empty table of charges is walked.
    select e.charge_id into v_charge from billing.entitlement e join billing.plan pl on pl.id = e.plan_id
    where e.user_id = p_user_id and e.plan_id = p_plan_id and e.ends_at + pl.grace > v_now and e.charge_id is not null
    order by e.ends_at desc limit 1;
    if v_charge is not null then
        select p.* into v_kept from billing.price p
        where p.id = (select c.price_id from billing.charge c where c.id = v_charge and c.gift_by is null)
          and p.country = v_today.country and p.currency = v_today.currency;
    end if;
    return case when v_kept.amount_minor < v_today.amount_minor then v_kept.id else v_today.id end;
end $$;
comment on function billing.price_of(bigint, bigint) is
'What a plan costs a reader now: today''s price in her country, or the one she paid while her pass of this plan runs or is in its grace and that was less (old subscribers keep theirs). Null: not sold there.';

create or replace function billing.plan_for(p_plan billing.plan, p_user_id bigint) returns boolean language plpgsql stable as $$
begin
    return p_plan.on_sale and (p_plan.audience = 'all'
        or exists (select 1 from billing.student s where s.user_id = p_user_id and s.until > ops.now()));
end $$;
comment on function billing.plan_for(billing.plan, bigint) is 'Whether a plan is sold to this reader at all: on sale, and she is of its audience.';

create or replace function billing.offers(p_user_id bigint, p_lang text)
returns table (plan_id bigint, label text, amount_minor bigint, currency text, period text, price_id bigint, amount_text text)
language sql stable as $$
    select pl.id, coalesce(ops.named(pl.names, p_lang), pl.code), pr.amount_minor, pr.currency::text,
        coalesce(ops.named(pl.period_names, p_lang), pl.code), pr.id,
        billing.money_text(pr.amount_minor, pr.currency::text)
    from billing.plan pl
    join billing.price pr on pr.id = billing.price_of(p_user_id, pl.id)
    where pl.on_sale and pl.kind = 'pass' and billing.plan_for(pl, p_user_id)
    order by pl.sort, pl.id
$$;
comment on function billing.offers(bigint, text) is 'Passes that a reader may buy, at her price (billing.price_of); amount_text as a person reads it (XOF has no minor unit).';
