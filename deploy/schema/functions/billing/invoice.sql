-- SPDX-License-Identifier: Apache-2.0
-- Invoices and credit notes, as billing.number_papers makes them, and as they are read.

create or replace function billing.take_numbers(p_country text, p_kind text, p_n bigint) returns billing.invoice_counter language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_year int := (select extract(year from v_now at time zone k.time_zone) from ops.country k where k.code = p_country);
    n billing.invoice_counter;
begin
    insert into billing.invoice_counter as c (country, year, kind, last, last_at) values (p_country, v_year, p_kind, p_n, v_now)
    on conflict (country, year, kind) do update set last = c.last + excluded.last, last_at = greatest(c.last_at, excluded.last_at)
    returning * into n;
    return n;
end $$;
comment on function billing.take_numbers(text, text, bigint) is
'The next n numbers, of which the last is returned, of a country''s year, on its own calendar, and series (invoice | credit), and a time not before the last one''s. Others wait for this transaction''s end: only billing.number_papers takes any, never who moves money.';

create or replace function billing.paper_number(p_country text, p_year int, p_kind text, p_seq bigint) returns text language plpgsql immutable as $$
begin
    return p_country || '-' || p_year || '-' || case p_kind when 'invoice' then 'F' else 'A' end || lpad(p_seq::text, greatest(6, length(p_seq::text)), '0');
end $$;
comment on function billing.paper_number(text, int, text, bigint) is 'As it stands on paper: SN-2026-F000001, a credit note SN-2026-A000001.';

create or replace function billing.seller_of(p_country text) returns billing.seller language plpgsql stable as $$
declare
    s billing.seller;
begin
    select * into s from billing.seller x where x.country = p_country and x.valid_from <= ops.now() order by x.valid_from desc limit 1;
    s.name := coalesce(s.name, 'Coko');
    s.particulars := coalesce(s.particulars, '');
    return s;
end $$;
comment on function billing.seller_of(text) is 'Who sells in a country now. Where nobody said: Coko, for a sale must not fail for it.';

create or replace function billing.invoice_charges(p_due billing.paper_due[]) returns void language plpgsql as $$
begin
    -- The counters step once for all, as what is materialized runs once; and no row is lost in a join, or its number were missing: each
    -- inner one follows a foreign key.
    with due as (
        select u.*, row_number() over (partition by u.country order by u.id) as place from unnest(p_due) u where u.charge_id is not null
    ), taken as materialized (
        select d.country, count(*) as n, billing.take_numbers(d.country, 'invoice', count(*)) as c, billing.seller_of(d.country) as s
        from due d group by d.country
    ), numbered as (
        select d.*, (t.c).year, (t.c).last - t.n + d.place as seq, (t.c).last_at, (t.s).name, (t.s).particulars
        from due d join taken t on t.country = d.country
    )
    insert into billing.invoice (number, country, year, kind, seq, issued_at, user_id, charge_id, lang, label, seller_name, seller_particulars,
                                 currency, ht_minor, tva_minor, ttc_minor, tva_permille, credit_minor)
    select billing.paper_number(n.country, n.year, 'invoice', n.seq), n.country, n.year, 'invoice', n.seq, n.last_at, u.id, c.id, l.lang,
        coalesce(b.title, ops.named(p.names, l.lang), p.code)
            || coalesce(', ' || to_char(e.starts_at at time zone k.time_zone, 'DD/MM/YYYY HH24:MI') || ' - '
                        || to_char(e.ends_at at time zone k.time_zone, 'DD/MM/YYYY HH24:MI'), ''),
        n.name, n.particulars, c.currency, v.ttc - v.tva, v.tva, v.ttc, n.tva_permille, c.credit_minor
    from numbered n
    join ops.country k on k.code = n.country
    join billing.charge c on c.id = n.charge_id
    join billing.plan p on p.id = c.plan_id
    left join catalog.book b on b.id = c.book_id
    left join billing.entitlement e on e.charge_id = c.id
    join auth.users u on u.id = coalesce(c.gift_by, c.user_id)
    left join ops.language g on g.code = u.lang
    cross join lateral (select case when u.lang = 'en' then 'en' when u.lang = 'fr' or g.falls_to = 'fr' then 'fr' else 'en' end as lang) l
    cross join lateral (
        select -sum(x.amount_minor) as ttc, coalesce(-sum(x.amount_minor) filter (where x.account = 'tva'), 0) as tva
        from billing.ledger_txn t join billing.ledger_entry x on x.txn_id = t.id
        where t.charge_id = c.id and t.kind = 'sale' and x.account in ('revenue', 'tva')) v
    order by n.id;
end $$;
comment on function billing.invoice_charges(billing.paper_due[]) is
'The invoices of charges that were granted, over the figures that the ledger booked, with the country''s rate of then, in French or English: the language of who paid, or what it falls to. One step of a country''s counter for all of them, and their numbers in the order in which they were due.';

create or replace function billing.invoice_refund(p_refund billing.refund) returns text language plpgsql as $$
declare
    i billing.invoice;
    n billing.invoice_counter;
    s billing.seller;
    v record;
    v_number text;
begin
    if exists (select 1 from billing.paper_due d where d.charge_id = p_refund.charge_id) then
        raise exception 'the invoice of charge % has no number yet', p_refund.charge_id;
    end if;
    select * into i from billing.invoice x where x.charge_id = p_refund.charge_id and x.kind = 'invoice';
    select -sum(e.amount_minor) filter (where e.account = 'revenue') as ht, -sum(e.amount_minor) filter (where e.account = 'tva') as tva,
        coalesce(sum(e.amount_minor) filter (where e.account = 'liability'), 0) as credit
    into v from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id where t.refund_id = p_refund.id;
    if i.id is null or v.ht is null then
        return null;
    end if;
    s := billing.seller_of(i.country);
    n := billing.take_numbers(i.country, 'credit', 1);
    v_number := billing.paper_number(n.country, n.year, n.kind, n.last);
    insert into billing.invoice (number, country, year, kind, seq, issued_at, user_id, charge_id, refund_id, of_invoice, lang, label,
                                 seller_name, seller_particulars, currency, ht_minor, tva_minor, ttc_minor, tva_permille, credit_minor)
    values (v_number, n.country, n.year, n.kind, n.last, n.last_at, i.user_id, i.charge_id, p_refund.id, i.id, i.lang, i.label,
            s.name, s.particulars, i.currency, v.ht, coalesce(v.tva, 0), v.ht + coalesce(v.tva, 0), i.tva_permille, v.credit);
    return v_number;
end $$;
comment on function billing.invoice_refund(billing.refund) is
'The credit note of a refund that was made: what the ledger took out of the sale for it; its number. Null: there was no sale (credit, review), or one from before invoices. One whose invoice is still due is an error, not left out.';

create or replace function billing.paper_money(p_amount_minor bigint, p_currency text) returns text language plpgsql stable as $$
begin
    return case when p_currency in ('XOF', 'XAF') then regexp_replace(billing.money_text(p_amount_minor, p_currency), ' F$', ' FCFA')
                else billing.money_text(p_amount_minor, p_currency) end;
end $$;
comment on function billing.paper_money(bigint, text) is 'billing.money_text with the franc''s whole name: 2 500 FCFA.';

create or replace function billing.invoice_paper(p_number text)
returns table (number text, kind text, of_number text, lang text, issued text, issued_at text, seller_name text, seller_particulars text, label text,
               ht text, tva text, ttc text, rate text, credit text, rail text, rail_txn text, reference text, payer_sealed text, payer_prefix text)
language sql stable as $$
    select i.number, i.kind, coalesce(o.number, ''), i.lang,
        to_char(i.issued_at at time zone k.time_zone, case i.lang when 'fr' then 'DD/MM/YYYY' else 'DD Mon YYYY' end),
        to_char(i.issued_at at time zone 'utc', 'YYYYMMDDHH24MISS'), i.seller_name, i.seller_particulars, i.label,
        billing.paper_money(i.ht_minor, i.currency), billing.paper_money(i.tva_minor, i.currency), billing.paper_money(i.ttc_minor, i.currency),
        trim_scale(i.tva_permille / 10.0)::text, case when i.credit_minor <> 0 then billing.paper_money(i.credit_minor, i.currency) else '' end,
        case c.rail when 'wallet' then '' else r.name end, coalesce(f.rail_txn, c.rail_txn, ''), left(c.our_ref::text, 8),
        coalesce(encode(p.sealed, 'hex'), ''), coalesce(pk.dialling, '')
    from billing.invoice i
    join ops.country k on k.code = i.country
    join billing.charge c on c.id = i.charge_id
    join billing.rail r on r.code = c.rail
    left join billing.invoice o on o.id = i.of_invoice
    left join billing.refund f on f.id = i.refund_id
    left join auth.identity p on p.id = c.identity_id and p.kind = 'phone'
    left join ops.country pk on pk.code = p.country
    where i.number = upper(p_number)
$$;
comment on function billing.invoice_paper(text) is
'All that an invoice shows, as words of its language. payer_sealed: the number that paid, sealed, of which a paper shows the country and the last two digits. No row: no such number.';

create or replace function billing.my_invoices(p_user_id bigint, p_before bigint, p_rows bigint)
returns table (number text, kind text, of_number text, issued_at timestamp, label text, seller text, ht_minor bigint, tva_minor bigint,
               ttc_minor bigint, tva_permille int, credit_minor bigint, currency text, reference uuid, key_id bigint) language sql stable as $$
    select i.number, i.kind, o.number, i.issued_at at time zone 'utc', i.label, i.seller_name, i.ht_minor, i.tva_minor, i.ttc_minor,
        i.tva_permille, i.credit_minor, i.currency::text, c.our_ref, i.id
    from billing.invoice i
    join billing.charge c on c.id = i.charge_id
    left join billing.invoice o on o.id = i.of_invoice
    where i.user_id = p_user_id and i.id < p_before
    order by i.id desc limit p_rows
$$;
comment on function billing.my_invoices(bigint, bigint, bigint) is 'Invoices and credit notes of what a reader paid, the newest first, before a row.';
