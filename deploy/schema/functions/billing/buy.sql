-- SPDX-License-Identifier: Apache-2.0
-- Buying what is not a pass for oneself: one book, a gift, a trial; and the wallet to pay with.

create or replace function billing.book_offer(p_user_id bigint, p_book_id bigint)
returns table (plan_id bigint, price_id bigint, amount_minor bigint, currency text, amount_text text) language plpgsql stable as $$
#variable_conflict use_column
begin
    return query
    select pl.id, p.id, p.amount_minor, p.currency::text, billing.money_text(p.amount_minor, p.currency)
    from catalog.book b
    join billing.plan pl on pl.id = coalesce((select x.plan_id from billing.book_plan x where x.book_id = b.id),
                                             (select y.id from billing.plan y where y.code = 'book'))
    join billing.price p on p.id = billing.price_of(p_user_id, pl.id)
    where b.id = p_book_id and b.status = 'published' and b.parts > b.free_parts
      and pl.kind = 'book' and billing.plan_for(pl, p_user_id) and p.amount_minor > 0
      and not exists (select 1 from billing.book_right r where r.user_id = p_user_id and r.book_id = b.id);
end $$;
comment on function billing.book_offer(bigint, bigint) is 'What one book costs a reader alone, for ever. No row: it is not sold alone, or hers already.';

create or replace function billing.buy_book(p_user_id bigint, p_identity_id bigint, p_book_id bigint, p_price_id bigint, p_step_key text,
                                            p_consent text, p_channel text)
returns table (outcome text, charge_id bigint, our_ref uuid, amount_minor bigint, currency text, hint text, rail text) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'buy_book');
    o record;
begin
    if v is null then
        perform 1 from auth.users where id = p_user_id for no key update;
        select * into o from billing.book_offer(p_user_id, p_book_id);
        if exists (select 1 from billing.book_right r where r.user_id = p_user_id and r.book_id = p_book_id) then
            v := '{"outcome": "active"}';
        elsif o.plan_id is null or not exists (select 1 from auth.identity i where i.id = p_identity_id and i.user_id = p_user_id) then
            v := '{"outcome": "price_changed"}';
        else
            v := billing.start_charge_once(p_user_id, p_identity_id, o.plan_id, p_price_id, p_consent, p_channel);
            if v->>'outcome' <> 'pending' and v ? 'charge_id' then
                update billing.charge set book_id = p_book_id where id = (v->>'charge_id')::bigint;
                v := billing.by_credit(v);
            end if;
        end if;
        perform ops.step_end(p_step_key, 'buy_book', v);
    end if;
    return query select r.* from jsonb_to_record(v)
        as r(outcome text, charge_id bigint, our_ref uuid, amount_minor bigint, currency text, hint text, rail text);
end $$;
comment on function billing.buy_book(bigint, bigint, bigint, bigint, text, text, text) is
'One book for ever, at the price that was shown. Outcomes of billing.start_charge; active: it is hers; price_changed also: not sold alone.';

create or replace function billing.gift_to(p_identity_id bigint, p_friend jsonb)
returns table (outcome text, user_id bigint, mark text) language plpgsql as $$
#variable_conflict use_column
declare
    i auth.identity;
    f record;
    v_lookup bytea := decode(p_friend->>'lookup', 'hex');
begin
    select * into i from auth.identity where id = p_identity_id;
    if v_lookup is null or i.country is distinct from (p_friend->>'country')::char(2) then
        return query select 'abroad', null::bigint, '';
    elsif v_lookup = i.lookup then
        return query select 'self', null::bigint, '';
    else
        select * into f from auth.identity_find(v_lookup, decode(p_friend->>'sealed', 'hex'), (p_friend->>'key_id')::int,
                                                p_friend->>'country', p_friend->>'network', '');
        if f.user_id = i.user_id then
            return query select 'self', null::bigint, '';
        else
            return query select 'ok', f.user_id, p_friend->>'mark';
        end if;
    end if;
end $$;
comment on function billing.gift_to(bigint, jsonb) is
'Who a number to give a pass to is: its reader, made when nobody has dialled from it yet (the answer tells nothing of whether she had). friend: {lookup, sealed, key_id, country, network, mark: its last two digits}. outcome: ok | self | abroad (another country''s money).';

create or replace function billing.trial_offer(p_user_id bigint, p_lang text) returns table (plan_id bigint, label text, period text) language plpgsql stable as $$
#variable_conflict use_column
begin
    return query
    select pl.id, coalesce(ops.named(pl.names, p_lang), pl.code), coalesce(ops.named(pl.period_names, p_lang), pl.code)
    from billing.plan pl join billing.price p on p.id = billing.price_of(p_user_id, pl.id)
    where pl.kind = 'trial' and pl.on_sale and p.amount_minor = 0
      and not exists (select 1 from billing.entitlement e where e.user_id = p_user_id)
      and not exists (select 1 from auth.identity i join billing.trial t on t.lookup = i.lookup where i.user_id = p_user_id)
    order by pl.sort limit 1;
end $$;
comment on function billing.trial_offer(bigint, text) is 'The trial that a reader may have: none of her numbers had one, and she never had a pass. No row: none.';

create or replace function billing.start_trial(p_user_id bigint, p_identity_id bigint, p_consent text, p_step_key text, p_channel text)
returns table (outcome text, label text, until timestamptz, until_text text) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'start_trial');
    v_now timestamptz := ops.now();
    u auth.users;
    o record;
    e billing.entitlement;
begin
    if v is null then
        select * into u from auth.users where id = p_user_id for no key update;
        select * into o from billing.trial_offer(p_user_id, u.lang);
        v := '{"outcome": "none"}';
        if o.plan_id is not null then
            insert into billing.trial (lookup, user_id, plan_id, consent, channel, at)
            select i.lookup, p_user_id, o.plan_id, p_consent, p_channel, v_now from auth.identity i
            where i.id = p_identity_id and i.user_id = p_user_id
            on conflict do nothing;
            if found then
                e := billing.grant_pass(p_user_id, o.plan_id, 'trial', null, null, 0);
                perform billing.pass_notice(e, p_identity_id, 'trial_done');
                v := billing.pass_json('granted', e, u.lang);
            end if;
        end if;
        perform ops.step_end(p_step_key, 'start_trial', v);
    end if;
    return query select r.* from jsonb_to_record(v) as r(outcome text, label text, until timestamptz, until_text text);
end $$;
comment on function billing.start_trial(bigint, bigint, text, text, text) is
'Once a number. consent: the words that were shown. Nothing is debited at its end. outcome: granted (label, until) | none (no trial for this reader).';

create or replace function billing.rail_of(p_identity auth.identity) returns text language plpgsql stable as $$
begin
    return coalesce(p_identity.rail, (
        select o.rail from billing.rail_route o join billing.rail x on x.code = o.rail and x.enabled
        where o.country = p_identity.country and o.network in (p_identity.network, '*') order by (o.network = '*'), o.prio, o.rail limit 1));
end $$;
comment on function billing.rail_of(auth.identity) is 'The wallet that a phone pays with: the one it chose, else the first of its network; null: none.';

create or replace function billing.wallets(p_identity_id bigint) returns table (rail text, label text, chosen boolean) language plpgsql stable as $$
#variable_conflict use_column
begin
    return query
    select r.code, r.name, r.code is not distinct from billing.rail_of(i)
    from auth.identity i
    join billing.rail r on r.enabled and exists (select 1 from billing.rail_route o where o.country = i.country and o.rail = r.code)
    where i.id = p_identity_id
      and (r.lab or not exists (select 1 from billing.test_number t where t.lookup = i.lookup))
    order by r.name, r.code;
end $$;
comment on function billing.wallets(bigint) is 'Wallets of the country that a phone may pay with, and the one it does now (hard case 39: a ported number says its own).';

create or replace function billing.choose_wallet(p_user_id bigint, p_identity_id bigint, p_rail text) returns table (outcome text, label text)
language plpgsql as $$
#variable_conflict use_column
declare
    w record;
begin
    select * into w from billing.wallets(p_identity_id) x where x.rail = p_rail;
    if w.rail is null or not exists (select 1 from auth.identity i where i.id = p_identity_id and i.user_id = p_user_id) then
        return query select 'unknown', '';
        return;
    end if;
    perform 1 from auth.users where id = p_user_id for no key update;
    update auth.identity set rail = p_rail where id = p_identity_id;
    return query select 'ok', w.label;
end $$;
comment on function billing.choose_wallet(bigint, bigint, text) is 'The wallet that a phone pays with from now on. outcome: ok | unknown (no such wallet there).';

create or replace function billing.student_set(p_user_id bigint, p_until timestamptz, p_who text) returns void language plpgsql as $$
begin
    insert into billing.student as s (user_id, until, said_by, at) values (p_user_id, p_until, p_who, ops.now())
    on conflict (user_id) do update set until = excluded.until, said_by = excluded.said_by, at = excluded.at;
    perform ops.audit_put(p_who, 'student.set', 'user:' || p_user_id, jsonb_build_object('until', p_until));
end $$;
comment on function billing.student_set(bigint, timestamptz, text) is 'A reader is a student until then, says who (a time past: no more).';
