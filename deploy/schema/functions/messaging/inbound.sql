-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.inbound_text(p_account text, p_lookup bytea, p_sealed bytea, p_key_id int, p_country text, p_network text,
                                                  p_keyword text, p_arg text, p_macs bytea[], p_dedupe bytea)
returns table (outcome text, message_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_word text := upper(catalog.fold(btrim(coalesce(p_keyword, ''))));
    v_action text;
    v_known messaging.inbound;
    f record;
    v record;
begin
    perform pg_advisory_xact_lock(hashtextextended('inbound' || p_account || encode(p_dedupe, 'hex'), 26));
    select * into v_known from messaging.inbound where account = p_account and dedupe = p_dedupe;
    if found then
        return query select v_known.outcome, v_known.message_id;
        return;
    end if;
    select * into f from auth.identity_find(p_lookup, p_sealed, p_key_id, p_country, p_network, '');
    if f.is_new then
        update auth.users u set lang = k.lang from messaging.keyword k
        where u.id = f.user_id and k.word = v_word and k.lang is not null;
    end if;
    perform 1 from auth.users u where u.id = f.user_id for no key update;
    if (select i.user_id <> f.user_id or i.gone_at is not null from auth.identity i where i.id = f.identity_id) then
        -- The number moved while we waited: whose it is now.
        select * into f from auth.identity_find(p_lookup, p_sealed, p_key_id, p_country, p_network, '');
        perform 1 from auth.users u where u.id = f.user_id for no key update;
    end if;
    v_action := coalesce((select k.action from messaging.keyword k where k.word = v_word), 'unknown');
    if v_action <> 'stop' and (select count(*) from (
            select 1 from messaging.inbound b where b.identity_id = f.identity_id and b.received_at > v_now - interval '1 hour'
            limit 60) s) >= 60 then
        return query select 'limited', null::bigint;
        return;
    end if;
    if v_action in ('redeem', 'renew', 'cancel', 'status') then
        select * into v from billing.keyword_do(f.user_id, f.identity_id, v_action, p_macs);
    else
        select * into v from messaging.inbound_do(f.user_id, f.identity_id, v_action, p_arg);
    end if;
    insert into messaging.inbound (account, dedupe, identity_id, action, outcome, message_id, received_at)
    values (p_account, p_dedupe, f.identity_id, v_action, v.outcome, v.message_id, v_now);
    return query select v.outcome, v.message_id;
end $$;
comment on function messaging.inbound_text(text, bytea, bytea, int, text, text, text, text, bytea[], bytea) is
'A text from a reader: its keyword runs and is answered in one transaction; the same delivery again returns the recorded outcome.
Sixty texts an hour a number have an effect and a row, so that a machine that writes for ever costs neither replies nor room; STOP always has.
outcome: limited | queued | busy | stopped | locked | allowance | end | none (SUITE, LIRE code, REPETER) | already (STOP, PAUSE or START had no effect) | started | paused | help | menu | unknown | asked | limited (SECOURS: the code is its own message) | kept, declined (NON; with nothing to refuse: unknown), ok, full, elsewhere (FAMILLE, of billing.family_join; asked by nobody: unknown), and those of billing.keyword_do.
The language of who is first seen by a text is its keyword''s (messaging.keyword), else the country''s. p_arg: what follows the keyword, '''' when it has the form of a code, which is in macs as its keyed hashes only (S5).
stopped is also the outcome of STOP itself. message_id: the instalment or the reply, null when nothing is sent.';

create or replace function messaging.inbound(p_account text, p_lookup bytea, p_sealed bytea, p_key_id int, p_country text, p_network text,
                                             p_keyword text, p_arg text, p_lang_hint text, p_dedupe bytea)
returns table (outcome text, message_id bigint) language plpgsql as $$
begin
    return query select t.outcome, t.message_id
    from messaging.inbound_text(p_account, p_lookup, p_sealed, p_key_id, p_country, p_network, p_keyword, p_arg, null, p_dedupe) t;
end $$;
comment on function messaging.inbound(text, bytea, bytea, int, text, text, text, text, text, bytea) is 'Of the release before: inbound_text without codes.';

create or replace function messaging.inbound_do(p_user_id bigint, p_identity_id bigint, p_action text, p_arg text)
returns table (outcome text, message_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_lang text := (select u.lang from auth.users u where u.id = p_user_id);
    v_hour text := to_char(ops.now(), 'YYYYMMDDHH24');
    v_book bigint;
    s record;
    v_key text;
begin
    if p_action = 'stop' then
        return query select x.outcome, x.message_id from auth.stop_by(p_identity_id, null, 'sms') x;
        return;
    elsif p_action in ('start', 'resume') then
        return query select x.outcome, x.message_id from auth.start_again_by(p_identity_id, null, 'sms') x;
        return;
    elsif p_action = 'pause' then
        return query select x.outcome, x.message_id from auth.pause_by(p_identity_id, null, 'sms') x;
        return;
    elsif p_action = 'menu' then
        return query select 'menu', x.message_id
        from messaging.enqueue(p_identity_id, 'reply', v_lang, 'menu', jsonb_build_object('dial', (
            select messaging.dial_code_of(i.country) from auth.identity i where i.id = p_identity_id)), null) x;
        return;
    elsif p_action = 'recovery' then
        return query select a.outcome, null::bigint from auth.recovery_ask(p_identity_id, null) a;
        return;
    elsif p_action = 'keep' and auth.move_keep(p_identity_id, 'sms') = 'kept' then
        return query select 'kept', x.message_id from messaging.enqueue(p_identity_id, 'reply', v_lang, 'move_kept', '{}', null) x;
        return;
    elsif p_action in ('join', 'keep') then
        return query select w.outcome, w.message_id from billing.family_word(p_user_id, p_identity_id, p_action = 'join') w;
        if found then
            return;
        end if;
    elsif p_action = 'help' then
        return query select 'help', x.message_id
        from messaging.enqueue(p_identity_id, 'reply', v_lang, 'help', '{}', null) x;
        return;
    elsif p_action in ('next', 'read', 'repeat') then
        if p_action = 'read' and p_arg ~ '^\s*[0-9]{1,6}\s*$' then
            v_book := coalesce((select b.id from catalog.book b where b.code = p_arg::int), -1);
        end if;
        select * into s from jsonb_to_record(case when p_action = 'repeat' then messaging.repeat_once(p_user_id, p_identity_id)
            else messaging.instalment_once(p_user_id, p_identity_id, v_book) end) as r(outcome text, message_id bigint, title text);
        v_key := case s.outcome when 'locked' then 'locked' when 'allowance' then 'allowance' when 'end' then 'end_of_book'
                                when 'none' then 'no_book' when 'stopped' then 'stop_done' end;
        if v_key is null then
            return query select s.outcome, s.message_id;
            return;
        end if;
        return query select s.outcome, x.message_id
        from messaging.enqueue(p_identity_id, 'reply', v_lang, v_key, jsonb_build_object('title', left(s.title, 60)),
            v_key || ':' || p_identity_id || ':' || v_hour) x;
        return;
    end if;
    -- Not understood: one answer an hour, so that two machines cannot talk to each other for ever.
    return query select 'unknown', x.message_id
    from messaging.enqueue(p_identity_id, 'reply', v_lang, 'unknown_keyword', '{}', 'unknown:' || p_identity_id || ':' || v_hour) x;
end $$;
comment on function messaging.inbound_do(bigint, bigint, text, text) is 'One keyword''s effect and reply.';
