-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.rail_answer(p_charge_id bigint, p_version int, p_event text, p_http_status int, p_reason text,
                                               p_rail_txn text, p_amount_minor bigint, p_currency text, p_next_poll_s int,
                                               p_rail_ref text, p_link text, p_link_sealed bytea, p_memo_sealed bytea,
                                               p_callback_mac bytea, p_expires_s int)
returns table (outcome text, state text, version int) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v record;
    v_over timestamptz := case when p_expires_s > 0 then v_now + make_interval(secs => p_expires_s) end;
    v_prompt timestamptz := v_over;
    r billing.rail;
begin
    select * into v from billing.charge_event(p_charge_id, p_version, p_event, p_http_status, p_reason, p_rail_txn, p_amount_minor,
                                              p_currency, p_next_poll_s);
    -- An answer that came too late for its claim, and one that ended the reference it speaks of, leave nothing behind.
    if v.outcome = 'ok' and v.state not in ('READY', 'CREATED') and num_nonnulls(p_rail_ref, p_link, p_memo_sealed, p_callback_mac, v_over) > 0 then
        select ra.* into r from billing.charge ch join billing.rail ra on ra.code = ch.rail where ch.id = p_charge_id;
        -- A link may be good for a day; its reader is not kept waiting for so long.
        if r.flow = 'link' and v_over is not null then
            v_prompt := least(v_over, v_now + make_interval(secs => r.prompt_s));
        end if;
        update billing.charge ch set
            rail_ref = coalesce(p_rail_ref, ch.rail_ref), memo_sealed = coalesce(p_memo_sealed, ch.memo_sealed),
            callback_mac = coalesce(p_callback_mac, ch.callback_mac),
            prompt_expires_at = case when v.state = 'PENDING' then coalesce(v_prompt, ch.prompt_expires_at) else ch.prompt_expires_at end
        where ch.id = p_charge_id;
        if p_link is not null and v.state = 'PENDING' then
            perform billing.hand_out_link(p_charge_id, p_link, p_link_sealed,
                                          least(v_over, v_now + make_interval(secs => r.link_s)));
        end if;
    end if;
    return query select v.outcome, v.state, v.version;
end $$;
comment on function billing.rail_answer(bigint, int, text, int, text, text, bigint, text, int, text, text, bytea, bytea, bytea, int) is
'billing.charge_event, and in the same transaction what the rail made: its own reference, memo and callback key are kept, and a link is handed out by SMS. expires_s: how long link or prompt are good, 0 = the rail''s usual; of a link, never longer than billing.rail.prompt_s (its reader may pay otherwise) and link_s (it is ended).';

create or replace function billing.rail_answers(p_answers jsonb, p_wait boolean)
returns table (outcome text, state text, version int) language plpgsql as $$
#variable_conflict use_column
declare
    v_charges bigint[] := array(select (x->>'charge')::bigint from jsonb_array_elements(p_answers) x);
    v_users bigint[];
    v_outcomes text[];
    v_states text[];
    v_versions int[];
    a record;
    r record;
begin
    -- Users, then charges, each in the order of their ids, as everywhere; nobody waits for a row that somebody has.
    if not p_wait then
        v_users := array(select u.id from auth.users u
                         where u.id = any (array(select c.user_id from billing.charge c where c.id = any (v_charges)))
                         order by u.id for no key update skip locked);
        v_charges := array(select c.id from billing.charge c
                           where c.id = any (v_charges) and c.user_id = any (v_users)
                           order by c.id for update skip locked);
    end if;
    for a in
        select x.* from rows from (jsonb_to_recordset(p_answers)
            as (charge bigint, version int, event text, http int, reason text, txn text, amount bigint, currency text, next_poll_s int,
                rail_ref text, link text, link_sealed text, memo_sealed text, callback_mac text, expires_s int))
            with ordinality x(charge, version, event, http, reason, txn, amount, currency, next_poll_s,
                              rail_ref, link, link_sealed, memo_sealed, callback_mac, expires_s, row)
        -- The gates of rails come last, and these too each in their order: a batch holds all that it took.
        order by (select c.rail from billing.charge c where c.id = x.charge), x.row
    loop
        if a.charge = any (v_charges) then
            select * into r from billing.rail_answer(a.charge, a.version, a.event, a.http, a.reason, a.txn, a.amount, a.currency,
                a.next_poll_s, a.rail_ref, a.link, decode(a.link_sealed, 'hex'), decode(a.memo_sealed, 'hex'),
                decode(a.callback_mac, 'hex'), a.expires_s);
            v_outcomes[a.row] := r.outcome;
            v_states[a.row] := r.state;
            v_versions[a.row] := r.version;
        else
            v_outcomes[a.row] := 'busy';
            v_states[a.row] := null;
            v_versions[a.row] := null;
        end if;
    end loop;
    return query select o.outcome, o.state, o.version
                 from unnest(v_outcomes, v_states, v_versions) with ordinality o(outcome, state, version, row) order by o.row;
end $$;
comment on function billing.rail_answers(jsonb, boolean) is
'billing.rail_answer of many, in one transaction, a row each in their order: [{charge, version, event, http, reason, txn, amount, currency, next_poll_s, rail_ref, link, link_sealed, memo_sealed, callback_mac (hex), expires_s}]. outcome also busy: without p_wait, a reader or charge that another transaction holds is left out, so that a batch waits for nobody and two batches never for each other; its answer is to be recorded alone.';

create or replace function billing.hand_out_link(p_charge_id bigint, p_link text, p_link_sealed bytea, p_expires_at timestamptz)
returns void language plpgsql as $$
declare
    c billing.charge;
    v_lang text;
    v_message bigint;
begin
    select * into c from billing.charge where id = p_charge_id;
    if c.link_sealed is not null then
        return;
    end if;
    select u.lang into v_lang from auth.identity i join auth.users u on u.id = i.user_id where i.id = c.identity_id;
    select e.message_id into v_message from messaging.enqueue(c.identity_id, 'receipt', v_lang, 'pay_link',
        jsonb_build_object('amount', billing.money_text(c.amount_minor, c.currency), 'link', p_link),
        'charge:' || c.id || ':pay_link:' || c.our_ref) e;
    if v_message is not null then
        update billing.charge set link_sealed = p_link_sealed, link_message = v_message, link_expires_at = p_expires_at where id = c.id;
    end if;
end $$;
comment on function billing.hand_out_link(bigint, text, bytea, timestamptz) is
'The SMS with the address where a charge is paid, once a reference; from now on the link may be opened, so no new reference replaces this one (I3). A receipt: it comes at any hour.';
