-- SPDX-License-Identifier: Apache-2.0
-- Vouchers: a code on paper becomes a pass, once.

create or replace function billing.voucher_make(p_plan text, p_country text, p_macs bytea[], p_amount_minor bigint, p_expires_at timestamptz,
                                                p_note text, p_who text)
returns table (outcome text, batch_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_plan bigint := (select p.id from billing.plan p where p.code = p_plan and p.kind = 'pass');
    v_currency text := (select c.currency from ops.country c where c.code = p_country);
    v_id bigint;
begin
    if v_plan is null then
        return query select 'no_plan', null::bigint;
        return;
    elsif p_country is not null and v_currency is null or p_amount_minor > 0 and v_currency is null then
        return query select 'no_country', null::bigint;
        return;
    elsif p_expires_at <= ops.now() then
        return query select 'over', null::bigint;
        return;
    end if;
    insert into billing.voucher_batch (note, plan_id, country, amount_minor, currency, expires_at, made_by, made_at)
    values (coalesce(p_note, ''), v_plan, p_country, p_amount_minor, case when p_amount_minor > 0 then v_currency end, p_expires_at, p_who, ops.now())
    returning id into v_id;
    insert into billing.voucher (code_mac, batch_id) select m, v_id from unnest(p_macs) m;
    perform ops.audit_put(p_who, 'voucher.made', 'batch:' || v_id, jsonb_build_object('plan', p_plan, 'codes', cardinality(p_macs),
                                                                                     'amount', p_amount_minor));
    return query select 'ok', v_id;
end $$;
comment on function billing.voucher_make(text, text, bytea[], bigint, timestamptz, text, text) is
'A batch of codes, given as their keyed hashes. country null: good everywhere. amount: what who sells them owes for each that is redeemed (0: gifts of the house). outcome: ok | no_plan | no_country | over (expires in the past).';

create or replace function billing.redeem(p_user_id bigint, p_identity_id bigint, p_macs bytea[], p_step_key text, p_channel text)
returns table (outcome text, label text, until timestamptz, until_text text, message_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'redeem');
begin
    if v is null then
        v := billing.redeem_once(p_user_id, p_identity_id, p_macs, p_channel);
        perform ops.step_end(p_step_key, 'redeem', v);
    end if;
    return query select r.* from jsonb_to_record(v) as r(outcome text, label text, until timestamptz, until_text text, message_id bigint);
end $$;
comment on function billing.redeem(bigint, bigint, bytea[], text, text) is
'A code becomes a pass, in one transaction. macs: its keyed hash under every key of the ring. outcome: granted (label, until) | yours (the reader redeemed it before: until) | used (somebody did) | over (expired, or its batch was closed) | unknown | limited (five unknown codes in an hour, or twenty in a day, from this phone).
Idempotent by step (S2).';

create or replace function billing.code_limited(p_identity_id bigint) returns boolean language plpgsql stable as $$
declare
    v_now timestamptz := ops.now();
begin
    return (select count(*) filter (where t.at > v_now - interval '1 hour') >= 5 or count(*) >= 20
            from billing.voucher_try t where t.identity_id = p_identity_id and t.at > v_now - interval '1 day');
end $$;
comment on function billing.code_limited(bigint) is
'Whether this phone has tried too many codes that nobody has, of vouchers and of lost numbers: five in an hour, or twenty in a day.';

create or replace function billing.redeem_once(p_user_id bigint, p_identity_id bigint, p_macs bytea[], p_channel text) returns jsonb
language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    u auth.users;
    w billing.voucher;
    b billing.voucher_batch;
    e billing.entitlement;
begin
    select * into u from auth.users where id = p_user_id for no key update;
    if billing.code_limited(p_identity_id) then
        return '{"outcome": "limited"}';
    elsif u.status = 'deleted' then
        return '{"outcome": "unknown"}';  -- an old session of a number that moved to its reader's row (auth.number_shift)
    end if;
    -- The row's lock decides between two callers with one code: the second waits, and finds it used.
    select * into w from billing.voucher where code_mac = any (p_macs) for update;
    select * into b from billing.voucher_batch where id = w.batch_id;
    if b.id is null or b.country <> u.country then
        insert into billing.voucher_try (identity_id, at) values (p_identity_id, v_now);
        return '{"outcome": "unknown"}';
    end if;
    if w.user_id is not null then
        select * into e from billing.entitlement where voucher = w.code_mac;
        return case when w.user_id = p_user_id then billing.pass_json('yours', e, u.lang) else '{"outcome": "used"}' end;
    elsif b.closed_at is not null or b.expires_at <= v_now then
        return '{"outcome": "over"}';
    end if;
    update billing.voucher set redeemed_at = v_now, user_id = p_user_id where code_mac = w.code_mac;
    e := billing.grant_pass(p_user_id, b.plan_id, 'voucher', null, w.code_mac, b.amount_minor);
    perform billing.voucher_book(b, p_user_id);
    return billing.pass_json('granted', e, u.lang) || jsonb_build_object('message_id', billing.pass_notice(e, p_identity_id, 'voucher_done'));
end $$;
comment on function billing.redeem_once(bigint, bigint, bytea[], text) is 'The body of billing.redeem, under the locks of the reader''s row and the voucher''s.';

create or replace function billing.voucher_book(p_batch billing.voucher_batch, p_user_id bigint) returns void language plpgsql as $$
declare
    v_tva bigint;
    v_txn bigint;
begin
    if p_batch.amount_minor = 0 then
        return;
    end if;
    v_tva := billing.tva_of(p_batch.amount_minor, (select k.tva_permille from auth.users u join ops.country k on k.code = u.country
                                                   where u.id = p_user_id));
    insert into billing.ledger_txn (kind, user_id, at) values ('voucher', p_user_id, ops.now()) returning id into v_txn;
    insert into billing.ledger_entry (txn_id, account, amount_minor, currency)
    select v_txn, e.account, e.amount, p_batch.currency
    from (values ('vouchers', p_batch.amount_minor), ('revenue', v_tva - p_batch.amount_minor), ('tva', -v_tva)) e(account, amount)
    where e.amount <> 0;
end $$;
comment on function billing.voucher_book(billing.voucher_batch, bigint) is 'The sale of a redeemed voucher: due from who sold the paper (I9). A gift of the house is no sale.';

create or replace function billing.pass_json(p_outcome text, p_pass billing.entitlement, p_lang text) returns jsonb language plpgsql stable as $$
begin
    return jsonb_build_object('outcome', p_outcome, 'until', p_pass.ends_at,
        'label', (select coalesce(ops.named(p.names, p_lang), p.code) from billing.plan p where p.id = p_pass.plan_id),
        'until_text', billing.local_text(p_pass.user_id, p_pass.ends_at));
end $$;
comment on function billing.pass_json(text, billing.entitlement, text) is 'An outcome with the pass that it is about.';

create or replace function billing.pass_notice(p_pass billing.entitlement, p_identity_id bigint, p_template text) returns bigint
language plpgsql as $$
declare
    v_lang text := (select u.lang from auth.identity i join auth.users u on u.id = i.user_id where i.id = p_identity_id);
    v jsonb := billing.pass_json('', p_pass, v_lang);
begin
    return (select m.message_id from messaging.enqueue(p_identity_id, 'receipt', v_lang, p_template,
        jsonb_build_object('plan', v->>'label', 'until', v->>'until_text', 'dial', (
            select messaging.dial_code_of(i.country) from auth.identity i where i.id = p_identity_id)), p_template || ':' || p_pass.id) m);
end $$;
comment on function billing.pass_notice(billing.entitlement, bigint, text) is 'One SMS about a pass that was not paid by a charge: a voucher''s, a trial''s.';

create or replace function billing.voucher_close(p_batch_id bigint, p_who text) returns text language plpgsql as $$
begin
    update billing.voucher_batch set closed_at = ops.now() where id = p_batch_id and closed_at is null;
    if not found then
        return case when exists (select 1 from billing.voucher_batch b where b.id = p_batch_id) then 'closed' else 'missing' end;
    end if;
    perform ops.audit_put(p_who, 'voucher.closed', 'batch:' || p_batch_id, '{}');
    return 'ok';
end $$;
comment on function billing.voucher_close(bigint, text) is 'Codes of a batch that were not redeemed yet never will be. Returns ok | closed (it was) | missing.';

create or replace function billing.voucher_batches() returns table (batch_id bigint, plan text, country text, codes bigint, redeemed bigint,
                                                                   owed_minor bigint, until text, note text) language sql stable as $$
    select b.id, p.code, coalesce(b.country::text, '*'), count(v.code_mac), count(v.redeemed_at), count(v.redeemed_at) * b.amount_minor,
        case when b.closed_at is not null then 'closed' else to_char(b.expires_at, 'YYYY-MM-DD') end, b.note
    from billing.voucher_batch b join billing.plan p on p.id = b.plan_id left join billing.voucher v on v.batch_id = b.id
    group by b.id, p.code order by b.id
$$;
comment on function billing.voucher_batches() is 'Batches of codes and what became of them: an operator''s report, not a hot path.';
