-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.code_state(p_user_id bigint, p_step_key text) returns text language plpgsql as $$
declare
    v jsonb;
    c billing.charge;
    a billing.attempt;
begin
    select s.result into v from ops.step_effect s where s.step_key = p_step_key and s.action = 'type_code';
    if v ? 'charge_id' then
        select * into c from billing.charge where id = (v->>'charge_id')::bigint for update;
        update billing.attempt set promised = promised or done_at is null
        where charge_id = c.id and n = (v->>'attempt')::int returning * into a;
        return case
            when a.event = 'code_refused' then case when c.state = 'FAILED' and a.n = c.attempts then 'locked' else 'wrong' end
            when a.event = 'not_sent' then 'waiting'
            when c.state in ('SUCCEEDED', 'SUCCEEDED_LATE') then 'paid'
            when c.state in ('FAILED', 'EXPIRED') then 'declined'
            else 'slow' end;
    end if;
    if v ? 'away' then
        return 'away';
    end if;
    return coalesce((
        select case when ch.state = 'CREATED' then 'waiting' else 'slow' end from billing.charge ch
        where coalesce(ch.gift_by, ch.user_id) = p_user_id and not ch.superseded
          and ch.state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED')), 'none');
end $$;
comment on function billing.code_state(bigint, text) is
'What became of the code that was typed in this step: paid | wrong (another is asked) | locked (the last of billing.rail.codes) | declined | slow (not known yet: an SMS follows, and that promise is noted) | waiting (the code did not leave, nothing was debited: it may be typed again) | away (nor did it, its rail does not answer: another one later) | none (no charge is open).';

create or replace function billing.code_again(p_charge_id bigint) returns void language plpgsql as $$
declare
    c billing.charge;
    v_lang text;
begin
    select * into c from billing.charge where id = p_charge_id;
    if not exists (select 1 from billing.attempt a where a.charge_id = c.id and a.n = c.attempts and a.promised) then
        return;
    end if;
    select u.lang into v_lang from auth.identity i join auth.users u on u.id = i.user_id where i.id = c.identity_id;
    perform messaging.enqueue(c.identity_id, 'receipt', v_lang, 'code_again',
        jsonb_build_object('amount', billing.money_text(c.amount_minor, c.currency)),
        'charge:' || c.id || ':code_again:' || c.attempts);
end $$;
comment on function billing.code_again(bigint) is
'A code was refused, or could not be sent: who was promised an SMS is told that another is needed. Who still looks at a screen reads it there.';

create or replace function billing.live_stage(p_user_id bigint, p_lang text) returns table (stage text, label text, amount_text text, link text)
language plpgsql stable as $$
begin
    return query
    select case when r.flow <> 'code' then 'charge' when c.state = 'CREATED' then 'code' else 'checking' end,
        coalesce(ops.named(p.names, p_lang), p.code), billing.money_text(c.amount_minor, c.currency::text),
        case when exists (select 1 from billing.rail l where l.code = r.link_rail and l.enabled) then '1' else '' end
    from billing.charge c join billing.rail r on r.code = c.rail join billing.plan p on p.id = c.plan_id
    where coalesce(c.gift_by, c.user_id) = p_user_id and not c.superseded
      and c.state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED');
end $$;
comment on function billing.live_stage(bigint, text) is
'Where the one open charge that a reader pays stands: code (a code is waited for: ask for it) | checking (his code is with the rail) | charge (he approves elsewhere); no row: none is open. link ''1'': a link may stand in for the code.';
