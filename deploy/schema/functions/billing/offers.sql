-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.offers(p_user_id bigint, p_lang text)
returns table (plan_id bigint, label text, amount_minor bigint, currency text, period text, price_id bigint, amount_text text)
language sql stable as $$
    select pl.id, coalesce(ops.named(pl.names, p_lang), pl.code), pr.amount_minor, pr.currency::text,
        coalesce(ops.named(pl.period_names, p_lang), pl.code), pr.id,
        billing.money_text(pr.amount_minor, pr.currency::text)
    from auth.users u
    join billing.plan pl on pl.on_sale
    cross join lateral (
        select p.id, p.amount_minor, p.currency from billing.price p
        where p.plan_id = pl.id and p.country = u.country and p.valid_from <= ops.now()
        order by p.valid_from desc limit 1) pr
    where u.id = p_user_id
    order by pl.sort, pl.id
$$;
comment on function billing.offers(bigint, text) is 'Plans on sale in the reader''s country at today''s price; amount_text as a person reads it (XOF has no minor unit).';
