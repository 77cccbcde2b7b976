-- SPDX-License-Identifier: Apache-2.0
-- A change of number: by the reader with her code, at once; or by two persons of the house, after three days in which the old
-- number may say no; and a number that has a new holder.
--
--   code:      ------------------------------------------------------> done
--   desk:      asked --another approves--> waits --72 h--> done | failed (which says why)
--                |                           +--NON, or the screen of who dials--> kept
--                +--refused, or nobody in 7 days--> refused | failed
--   recycled:  asked --another approves--> done

create or replace function auth.number_redeem(p_identity_id bigint, p_macs bytea[], p_step_key text)
returns table (outcome text, user_id bigint, lang text, country text, continue_title text, pass_until timestamptz) language plpgsql as $$
#variable_conflict use_column
declare
    v jsonb := ops.step_begin(p_step_key, 'number_redeem');
begin
    if v is null then
        v := jsonb_build_object('outcome', auth.number_redeem_once(p_identity_id, p_macs));
        perform ops.step_end(p_step_key, 'number_redeem', v);
    end if;
    return query
    select v->>'outcome', u.id, u.lang, u.country::text, coalesce((select k.title from reading.continue(u.id) k), ''),
        billing.pass_until(u.id, ops.now())
    from auth.identity i join auth.users u on u.id = i.user_id
    where i.id = p_identity_id;
end $$;
comment on function auth.number_redeem(bigint, bytea[], text) is
'A code typed on the new number moves its reader there. macs: its keyed hash under every key of the ring. outcome: ok | unknown | limited (billing.code_limited: the tries of this phone, vouchers'' too) | same (the code of this very number) | open | own | abroad: see auth.number_shift.
With it who the reader of this number is from now on: user, language, country, book, pass. Idempotent by step (S2).';

create or replace function auth.number_redeem_once(p_identity_id bigint, p_macs bytea[]) returns text language plpgsql as $$
declare
    v_old bigint := (select r.identity_id from auth.recovery_code r where r.code_mac = any (p_macs));
    v_user bigint;
    v_left bigint;
    v_end text := 'unknown';
begin
    if billing.code_limited(p_identity_id) then
        return 'limited';
    end if;
    if v_old is not null then
        v_left := (auth.number_lock(v_old, p_identity_id))[2];
        -- Under the locks: of two phones with one code the second finds it used.
        select i.user_id into v_user from auth.recovery_code r join auth.identity i on i.id = r.identity_id
        where r.identity_id = v_old and r.code_mac = any (p_macs);
    end if;
    if v_user is not null then
        v_end := auth.number_shift(v_old, p_identity_id);
        v_end := case v_end when 'gone' then 'unknown' else v_end end;
    end if;
    if v_end = 'unknown' then
        insert into billing.voucher_try (identity_id, at) values (p_identity_id, ops.now());
    elsif v_end = 'ok' then
        update auth.number_move set state = 'failed', ended_at = ops.now(), why = 'moved'
        where old_identity in (v_old, p_identity_id) and state in ('asked', 'waits');
        insert into auth.number_move (kind, state, old_identity, new_identity, user_id, left_user, asked_at, ended_at)
        values ('code', 'done', v_old, p_identity_id, v_user, v_left, ops.now(), ops.now());
        perform ops.audit_put('reader', 'number.moved', 'identity:' || v_old, jsonb_build_object('to', p_identity_id));
    end if;
    return v_end;
end $$;
comment on function auth.number_redeem_once(bigint, bytea[]) is 'The body of auth.number_redeem.';

create or replace function auth.move_keep(p_identity_id bigint, p_way text) returns text language plpgsql as $$
begin
    update auth.number_move set state = 'kept', ended_at = ops.now(), why = p_way where old_identity = p_identity_id and state = 'waits';
    if not found then
        return 'none';
    end if;
    perform ops.audit_put('reader', 'alert.number_kept', 'identity:' || p_identity_id, jsonb_build_object('way', p_way));
    return 'kept';
end $$;
comment on function auth.move_keep(bigint, text) is
'The old number says no to a change that waits: nothing moves, and a person hears of it, since somebody tried. Returns kept | none.';

create or replace function auth.move_waits(p_identity_id bigint) returns boolean language plpgsql stable as $$
begin
    return exists (select 1 from auth.number_move m where m.old_identity = p_identity_id and m.state = 'waits');
end $$;
comment on function auth.move_waits(bigint) is 'Whether this number is about to lose its reader to another, and may still say no.';

create or replace function auth.run_moves(p_max int) returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    m auth.number_move;
    v_users bigint[];
    v_end text;
    v_n int := 0;
begin
    for m in select * from auth.number_move x where x.state = 'waits' and x.due_at <= v_now order by x.due_at, x.id limit greatest(p_max, 0) loop
        v_n := v_n + 1;
        v_users := auth.number_lock(m.old_identity, m.new_identity);
        select * into m from auth.number_move x where x.id = m.id and x.state = 'waits' and x.due_at <= v_now for update;
        continue when not found;
        -- The request was about one reader: another may hold the number since.
        v_end := case when v_users[1] is distinct from m.user_id then 'gone' else auth.number_shift(m.old_identity, m.new_identity) end;
        if v_end = 'open' and v_now < m.asked_at + interval '14 days' then
            update auth.number_move set due_at = v_now + interval '1 hour' where id = m.id;
        else
            update auth.number_move set state = case v_end when 'ok' then 'done' else 'failed' end, ended_at = v_now,
                left_user = v_users[2], why = nullif(v_end, 'ok') where id = m.id;
            perform ops.audit_put('job', case v_end when 'ok' then 'number.moved' else 'alert.number_not_moved' end,
                'identity:' || m.old_identity, jsonb_build_object('to', m.new_identity, 'end', v_end));
        end if;
    end loop;
    update auth.number_move set state = 'failed', ended_at = v_now, why = 'expired'
    where id = any (array(select x.id from auth.number_move x where x.state = 'asked' and x.asked_at <= v_now - interval '7 days'
                          limit greatest(p_max, 0)));
    return v_n;
end $$;
comment on function auth.run_moves(int) is
'Changes of number whose three days are over take effect, at most max; one with an open payment is looked at each hour for two weeks. Requests that nobody approved in a week end. Returns how many it looked at. Two at once: the second finds each done.';
