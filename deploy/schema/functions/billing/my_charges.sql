-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.my_charges(p_user_id bigint, p_lang text, p_before bigint, p_rows bigint)
returns table (reference uuid, state text, kind text, label text, amount_minor bigint, credit_minor bigint, currency text, rail text,
               gift boolean, at timestamp, key_id bigint) language sql stable as $$
    select c.our_ref,
        case when c.settlement is not null then c.settlement when c.state in ('FAILED', 'EXPIRED') then lower(c.state) else 'pending' end,
        p.kind, coalesce(b.title, ops.named(p.names, p_lang), p.code), c.amount_minor, c.credit_minor, c.currency::text, c.rail,
        c.gift_by is not null, c.created_at at time zone 'utc', c.id
    from billing.charge c
    join billing.plan p on p.id = c.plan_id
    left join catalog.book b on b.id = c.book_id
    where coalesce(c.gift_by, c.user_id) = p_user_id and c.id < p_before
    order by c.id desc limit p_rows
$$;
comment on function billing.my_charges(bigint, text, bigint, bigint) is
'What a reader paid or tried to pay, for herself or as a gift, the newest first, before a row. state: granted | credited | review | failed | expired | pending.';
