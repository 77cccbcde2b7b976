-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.enqueue_body(p_identity_id bigint, p_kind text, p_lang text, p_template text, p_vars jsonb, p_body text,
                                                  p_dedupe text)
returns table (outcome text, message_id bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    v_body text := p_body;
    i auth.identity;
    v_id bigint;
begin
    if v_body is null then
        perform ops.audit_put('messaging', 'alert.template_missing', 'template:' || p_template, jsonb_build_object('lang', p_lang));
        return query select 'no_template', null::bigint;
        return;
    end if;
    select * into i from auth.identity where id = p_identity_id for share;
    if i.gone_at is not null then
        -- Whoever holds that number now is somebody else: the reader's own phone hears it, if she has one.
        select * into i from auth.identity x where x.user_id = i.user_id and x.kind = 'phone' and x.gone_at is null
        order by x.last_seen_at desc, x.id limit 1 for share;
        if i.id is null then
            return query select 'gone', null::bigint;
            return;
        end if;
    end if;
    if exists (select 1 from messaging.sender s where not s.two_way) then
        v_body := messaging.render_for(messaging.account_for(i.country, i.network), i.country, p_template, p_lang, p_vars);
    end if;
    if i.stopped_at is not null and p_kind = 'notice' then
        return query select 'stopped', null::bigint;
        return;
    end if;
    insert into messaging.message (account, identity_id, user_id, kind, priority, body, lang, due_at, expires_at, dedupe, created_at)
    values (messaging.account_for(i.country, i.network), i.id, i.user_id, p_kind,
            case p_kind when 'otp' then 0 when 'reply' then 1 when 'receipt' then 1 when 'notice' then 2 else 3 end,
            v_body, coalesce(p_lang, ops.first_language(i.country)), v_now,
            v_now + case p_kind when 'reply' then interval '1 hour' else interval '24 hours' end, nullif(p_dedupe, ''), v_now)
    on conflict (dedupe) where dedupe is not null do nothing
    returning id into v_id;
    if v_id is null then
        return query select 'seen', m.id from messaging.message m where m.dedupe = p_dedupe;
    else
        if p_kind = 'notice' then
            perform messaging.quiet_fit(array[v_id]);
        end if;
        return query select 'queued', v_id;
    end if;
end $$;
comment on function messaging.enqueue_body(bigint, text, text, text, jsonb, text, text) is
'messaging.enqueue of a template that its caller has rendered: body is what messaging.render made of it.';

create or replace function messaging.enqueue(p_identity_id bigint, p_kind text, p_lang text, p_template text, p_vars jsonb, p_dedupe text)
returns table (outcome text, message_id bigint) language plpgsql as $$
#variable_conflict use_column
begin
    return query select e.outcome, e.message_id from messaging.enqueue_body(
        p_identity_id, p_kind, p_lang, p_template, p_vars, messaging.render(p_template, p_lang, p_vars), p_dedupe) e;
end $$;
comment on function messaging.enqueue(bigint, text, text, text, jsonb, text) is
'A message from a template, in the caller''s transaction (M1). outcome: queued | seen (dedupe already used; its message) | stopped (a notice after STOP) | gone (the number is its reader''s no more, and she has no other; else that one gets it) | no_template (alert; the caller''s work goes on).';
