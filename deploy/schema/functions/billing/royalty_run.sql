-- SPDX-License-Identifier: Apache-2.0
-- Royalties: a month of a country is divided among the authors, once, to the last franc; refunds take theirs back in the next run.

create or replace function billing.rail_fee(p_amount_minor bigint, p_permille int) returns bigint language plpgsql immutable as $$
begin
    return (2 * p_amount_minor * p_permille + 1000) / 2000;
end $$;
comment on function billing.rail_fee(bigint, int) is 'What a rail keeps of a debit: rounded half up.';

create or replace function billing.refunded_ht(p_refund_id bigint) returns bigint language plpgsql stable as $$
begin
    return (select coalesce(sum(e.amount_minor), 0) from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
            where t.refund_id = p_refund_id and e.account = 'revenue');
end $$;
comment on function billing.refunded_ht(bigint) is 'What a refund that was made took out of the revenue, by the ledger.';

create or replace function billing.sold(p_country text, p_from timestamptz, p_to timestamptz)
returns table (charge_id bigint, book_id bigint, ht_minor bigint, fee_minor bigint, left_ht_minor bigint, left_fee_minor bigint)
language sql stable as $$
    select t.charge_id, c.book_id, s.ht, least(s.ht, billing.rail_fee(coalesce(c.amount_minor, 0), coalesce(r.fee_permille, 0))),
        s.ht - b.ht, least(s.ht - b.ht, billing.rail_fee(coalesce(c.amount_minor, 0) - b.paid, coalesce(r.fee_permille, 0)))
    from ops.country k
    join auth.users u on u.country = k.code
    join billing.ledger_txn t on t.user_id = u.id and t.at >= p_from and t.at < p_to and t.kind in ('sale', 'voucher')
    cross join lateral (select -sum(e.amount_minor)::bigint as ht from billing.ledger_entry e
                        where e.txn_id = t.id and e.account = 'revenue' and e.currency = k.currency) s
    left join billing.charge c on c.id = t.charge_id
    left join billing.rail r on r.code = c.rail
    cross join lateral (select coalesce(sum(billing.refunded_ht(f.id)), 0)::bigint as ht, coalesce(sum(f.amount_minor), 0)::bigint as paid
                        from billing.refund f where f.charge_id = c.id and f.state = 'REFUNDED' and f.ended_at < p_to) b
    where k.code = p_country and s.ht > 0
$$;
comment on function billing.sold(text, timestamptz, timestamptz) is
'What a country''s readers were sold in a time: revenue without VAT and the rail''s fee of each sale, and both less what was refunded before its end. book_id null: a pass; charge_id null: one of a voucher, whose seller keeps no part here.';

create or replace function billing.book_shares(p_book_id bigint) returns table (author_id bigint, share bigint) language sql stable as $$
    select ba.author_id, max(coalesce(s.share, case ba.role when 'author' then 1 else 0 end))::bigint
    from catalog.book_author ba
    left join billing.author_share s on s.book_id = ba.book_id and s.author_id = ba.author_id
    where ba.book_id = p_book_id
    group by ba.author_id
    having max(coalesce(s.share, case ba.role when 'author' then 1 else 0 end)) > 0
$$;
comment on function billing.book_shares(bigint) is 'Who shares in a book, and by how much. No row: nobody.';

create or replace function billing.royalty_put(p_run billing.royalty_run, p_kind text, p_book_id bigint, p_charge_id bigint, p_amount_minor bigint)
returns void language plpgsql as $$
begin
    insert into billing.royalty (run_id, of_run, kind, reversal, book_id, author_id, charge_id, amount_minor)
    select p_run.id, p_run.id, p_kind, false, p_book_id, d.author_id, p_charge_id, d.amount
    from (select a.authors, billing.largest_remainder(p_amount_minor, a.shares) as amounts
          from (select array_agg(s.author_id order by s.author_id) as authors, array_agg(s.share order by s.author_id) as shares
                from billing.book_shares(p_book_id) s) a) x
    cross join unnest(x.authors, x.amounts) d(author_id, amount)
    where d.amount > 0;
end $$;
comment on function billing.royalty_put(billing.royalty_run, text, bigint, bigint, bigint) is 'What a book has of a run, among those who share in it; ties to the author of the lower id.';

create or replace function billing.royalty_pool(p_run billing.royalty_run) returns void language plpgsql as $$
declare
    v record;
begin
    for v in
        select b.book_id, b.amount
        from (select array_agg(r.book_id order by r.book_id) as books, array_agg(r.chars order by r.book_id) as chars
              from billing.royalty_reads(p_run.country, p_run.month) r) a
        cross join unnest(a.books, billing.largest_remainder(p_run.pot_minor, a.chars)) b(book_id, amount)
        where b.amount > 0
    loop
        perform billing.royalty_put(p_run, 'pool', v.book_id, null, v.amount);
    end loop;
end $$;
comment on function billing.royalty_pool(billing.royalty_run) is 'Divides a run''s pot by what was read of each book.';

create or replace function billing.royalty_reads(p_country text, p_month date) returns table (book_id bigint, chars bigint) language sql stable as $$
    select p.book_id, sum(p.chars)::bigint
    from reading.part_read p
    join auth.users u on u.id = p.user_id and u.country = p_country
    where p.month = p_month and exists (select 1 from billing.book_shares(p.book_id))
    group by p.book_id
$$;
comment on function billing.royalty_reads(text, date) is 'Characters that a country''s readers read in a month of each book that somebody shares in.';

create or replace function billing.royalty_reverse(p_run billing.royalty_run, p_of_run bigint, p_charge_id bigint, p_back_minor bigint)
returns void language plpgsql as $$
begin
    insert into billing.royalty (run_id, of_run, kind, reversal, book_id, author_id, charge_id, amount_minor)
    select p_run.id, p_of_run, case when p_charge_id is null then 'pool' else 'sale' end, true, d.book_id, d.author_id, p_charge_id,
        d.taken - d.due
    from (select array_agg(g.book_id order by g.book_id, g.author_id) as books, array_agg(g.author_id order by g.book_id, g.author_id) as authors,
                 array_agg(g.had order by g.book_id, g.author_id) as had, array_agg(g.taken order by g.book_id, g.author_id) as taken
          from (select x.book_id, x.author_id, coalesce(sum(x.amount_minor) filter (where not x.reversal), 0)::bigint as had,
                       coalesce(-sum(x.amount_minor) filter (where x.reversal), 0)::bigint as taken
                from billing.royalty x where x.of_run = p_of_run and x.charge_id is not distinct from p_charge_id
                group by x.book_id, x.author_id) g) a
    cross join unnest(a.books, a.authors, billing.largest_remainder(p_back_minor, a.had), a.taken) d(book_id, author_id, due, taken)
    where d.due <> d.taken;
end $$;
comment on function billing.royalty_reverse(billing.royalty_run, bigint, bigint, bigint) is
'Brings what was taken back of a run''s pot, or of one book''s sale (charge), to back_minor in all, each author''s part of it by what she had. All of it back is exactly what each had.';

create or replace function billing.royalty_refunds(p_run billing.royalty_run, p_to timestamptz) returns void language plpgsql as $$
declare
    v record;
begin
    insert into billing.royalty_refund (refund_id, run_id, of_run, charge_id, book_id, ht_minor)
    select f.id, p_run.id, o.id, c.id, c.book_id, billing.refunded_ht(f.id)
    from billing.refund f
    join billing.charge c on c.id = f.charge_id
    join auth.users u on u.id = c.user_id and u.country = p_run.country
    join ops.country k on k.code = p_run.country
    join billing.ledger_txn t on t.charge_id = c.id and t.kind = 'sale'
    join billing.royalty_run o on o.country = p_run.country and o.month = date_trunc('month', t.at at time zone k.time_zone)::date
    where f.state = 'REFUNDED' and f.ended_at < p_to and f.currency = p_run.currency
      and not exists (select 1 from billing.royalty_refund x where x.refund_id = f.id);
    -- Passes refunded within their own month were never in the pot.
    for v in
        select o.id, o.pot_minor - div(o.pot_minor::numeric * greatest(o.ht_minor - sum(x.ht_minor), 0), o.ht_minor)::bigint as back
        from billing.royalty_run o join billing.royalty_refund x on x.of_run = o.id and x.run_id <> o.id and x.book_id is null
        where o.id in (select m.of_run from billing.royalty_refund m where m.run_id = p_run.id) and o.pot_minor > 0
        group by o.id order by o.id
    loop
        perform billing.royalty_reverse(p_run, v.id, null, v.back);
    end loop;
    for v in
        select y.of_run, y.charge_id, y.had - div(y.had::numeric * greatest(y.ht - y.back_ht, 0), y.ht)::bigint as back
        from (select x.of_run, x.charge_id, sum(x.ht_minor) as back_ht,
                  (select -sum(e.amount_minor) from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
                   where t.charge_id = x.charge_id and t.kind = 'sale' and e.account = 'revenue') as ht,
                  (select coalesce(sum(g.amount_minor), 0)::bigint from billing.royalty g where g.charge_id = x.charge_id and not g.reversal) as had
              from billing.royalty_refund x
              where x.charge_id in (select m.charge_id from billing.royalty_refund m where m.run_id = p_run.id and m.book_id is not null)
              group by x.of_run, x.charge_id) y
        where y.had > 0 order by y.charge_id
    loop
        perform billing.royalty_reverse(p_run, v.of_run, v.charge_id, v.back);
    end loop;
end $$;
comment on function billing.royalty_refunds(billing.royalty_run, timestamptz) is
'Takes back what authors had of sales whose refunds ended before a time and that no run has taken back yet, in proportion to the revenue that went.';

create or replace function billing.royalty_book(p_run billing.royalty_run) returns bigint language plpgsql as $$
declare
    v_all bigint := (select coalesce(sum(r.amount_minor), 0) from billing.royalty r where r.run_id = p_run.id);
    v_txn bigint;
begin
    if v_all <> 0 then
        insert into billing.ledger_txn (kind, royalty_run_id, at) values ('credit', p_run.id, ops.now()) returning id into v_txn;
        insert into billing.ledger_entry (txn_id, account, amount_minor, currency)
        values (v_txn, 'revenue', v_all, p_run.currency), (v_txn, 'authors', -v_all, p_run.currency);
    end if;
    return v_all;
end $$;
comment on function billing.royalty_book(billing.royalty_run) is 'What a run gives, or takes back, from the revenue to what is due to authors (I9). Returns it.';

create or replace function billing.royalty_run(p_month date, p_country text, p_who text)
returns table (outcome text, run_id bigint, currency text, pot_minor bigint, total_minor bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_month date := date_trunc('month', p_month)::date;
    k ops.country;
    u billing.royalty_rule;
    r billing.royalty_run;
    v_from timestamptz;
    v_to timestamptz;
    v record;
begin
    -- Runs of a country follow each other.
    select * into k from ops.country where code = p_country for no key update;
    v_from := v_month::timestamp at time zone k.time_zone;
    v_to := (v_month + interval '1 month') at time zone k.time_zone;
    select * into u from billing.royalty_rule x where x.country = p_country and x.valid_from < v_to order by x.valid_from desc limit 1;
    select * into r from billing.royalty_run x where x.month = v_month and x.country = p_country;
    if r.id is not null then
        return query select 'done', r.id, r.currency::text, r.pot_minor,
            (select coalesce(sum(g.amount_minor), 0)::bigint from billing.royalty g where g.run_id = r.id);
        return;
    elsif u.country is null or v_to + interval '1 hour' > ops.now() then
        return query select case when u.country is null then 'no_rule' else 'not_over' end, null::bigint, k.currency::text, null::bigint, null::bigint;
        return;
    end if;
    select coalesce(sum(s.left_ht_minor), 0) as ht, coalesce(sum(s.left_fee_minor), 0) as fee,
        (select coalesce(sum(x.chars), 0) from billing.royalty_reads(p_country, v_month) x) as chars
    into v from billing.sold(p_country, v_from, v_to) s where s.book_id is null;
    insert into billing.royalty_run (month, country, currency, ht_minor, fee_minor, pool_permille, sale_permille, pot_minor, chars, made_by, made_at)
    values (v_month, p_country, k.currency, v.ht, v.fee, u.pool_permille, u.sale_permille,
            case when v.chars > 0 then div((v.ht - v.fee) * u.pool_permille, 1000) else 0 end, v.chars, p_who, ops.now())
    returning * into r;
    perform billing.royalty_pool(r);
    perform billing.royalty_put(r, 'sale', s.book_id, s.charge_id, (s.ht_minor - s.fee_minor) * r.sale_permille / 1000)
    from billing.sold(p_country, v_from, v_to) s where s.book_id is not null;
    perform billing.royalty_refunds(r, v_to);
    return query select 'ok', r.id, r.currency::text, r.pot_minor, billing.royalty_book(r);
end $$;
comment on function billing.royalty_run(date, text, text) is
'Divides a month of a country, in one transaction, once: passes, vouchers and books sold, without VAT and the rails'' fees; the pot of passes by the characters that were read under them, a book sold alone to its own people; less what refunds take back.
outcome: ok | done (it was: nothing changes) | not_over (the month ends on the country''s calendar, and an hour later) | no_rule (no billing.royalty_rule). total_minor: what goes to authors now, negative when refunds outweigh.';

create or replace function billing.royalty_runs(p_month date, p_country text, p_who text)
returns table (country text, outcome text, currency text, pot_minor bigint, total_minor bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_country text;
begin
    for v_country in
        select k.code from ops.country k
        where case when p_country is null then exists (select 1 from billing.price p where p.country = k.code) else k.code = upper(p_country) end
        order by k.code
    loop
        return query select v_country, x.outcome, x.currency, x.pot_minor, x.total_minor from billing.royalty_run(p_month, v_country, p_who) x;
    end loop;
end $$;
comment on function billing.royalty_runs(date, text, text) is 'billing.royalty_run of one country, or of all that anything is sold in. No row: no such country.';

create or replace function billing.royalty_lines(p_month date)
returns table (country text, author text, name text, book text, kind text, sold_in text, amount_minor bigint, currency text) language sql stable as $$
    select r.country::text, a.slug, a.name, b.slug, case when g.reversal then 'refund' else g.kind end, to_char(o.month, 'YYYY-MM'),
        sum(g.amount_minor)::bigint, r.currency::text
    from billing.royalty_run r
    join billing.royalty g on g.run_id = r.id
    join billing.royalty_run o on o.id = g.of_run
    join catalog.author a on a.id = g.author_id
    join catalog.book b on b.id = g.book_id
    where r.month = date_trunc('month', p_month)::date
    group by r.country, a.id, b.id, 5, o.month, r.currency
    order by r.country, a.slug, b.slug, 5, o.month
$$;
comment on function billing.royalty_lines(date) is
'What authors have of a month''s runs, by book: pool (of the passes), sale (of books sold alone), refund (taken back, of the month sold_in).';

create or replace function billing.my_royalties(p_user_id bigint, p_before bigint, p_rows bigint)
returns table (month text, sold_in text, kind text, book_id bigint, amount_minor bigint, currency text, key_id bigint) language sql stable as $$
    select to_char(r.month, 'YYYY-MM'), to_char(o.month, 'YYYY-MM'), case when g.reversal then 'refund' else g.kind end, g.book_id, g.amount_minor,
        r.currency::text, g.id
    from catalog.author a
    join billing.royalty g on g.author_id = a.id and g.id < p_before
    join billing.royalty_run r on r.id = g.run_id
    join billing.royalty_run o on o.id = g.of_run
    where a.user_id = p_user_id
    order by g.id desc limit p_rows
$$;
comment on function billing.my_royalties(bigint, bigint, bigint) is 'What the authors of a reader''s account have, the newest first, before a row.';
