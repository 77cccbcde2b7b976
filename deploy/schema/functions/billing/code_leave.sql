-- SPDX-License-Identifier: Apache-2.0
-- Two ways out of waiting for a code.

create or replace function billing.code_cancel(p_user_id bigint, p_step_key text) returns text language plpgsql as $$
declare
    v jsonb := ops.step_begin(p_step_key, 'code_cancel');
    v_now timestamptz := ops.now();
begin
    if v is null then
        perform 1 from auth.users where id = p_user_id for no key update;
        update billing.charge c set state = 'EXPIRED', reason = 'given up by the reader', version = c.version + 1, ended_at = v_now, due_at = null
        where coalesce(c.gift_by, c.user_id) = p_user_id and not c.superseded and c.state = 'CREATED';
        v := jsonb_build_object('outcome', case when found then 'ok' else 'none' end);
        perform ops.step_end(p_step_key, 'code_cancel', v);
    end if;
    return v->>'outcome';
end $$;
comment on function billing.code_cancel(bigint, text) is
'The reader does not want to pay after all. Only a charge that waits for its code ends so: of any other something may be with the rail. outcome: ok | none.';

create or replace function billing.code_to_link(p_user_id bigint, p_step_key text) returns text language plpgsql as $$
declare
    v jsonb := ops.step_begin(p_step_key, 'code_to_link');
    v_now timestamptz := ops.now();
    c billing.charge;
    l billing.rail;
begin
    if v is null then
        perform 1 from auth.users where id = p_user_id for no key update;
        select * into c from billing.charge where coalesce(gift_by, user_id) = p_user_id and not superseded and state = 'CREATED' for update;
        select ra.* into l from billing.rail r join billing.rail ra on ra.code = r.link_rail and ra.enabled and ra.flow = 'link'
        where r.code = c.rail and r.flow = 'code';
        if l.code is null then
            v := jsonb_build_object('outcome', 'none');
        else
            update billing.charge set rail = l.code, state = 'READY', version = c.version + 1, prompt_expires_at = null,
                due_at = v_now + make_interval(secs => l.push_delay_s)
            where id = c.id;
            v := jsonb_build_object('outcome', 'ok');
        end if;
        perform ops.step_end(p_step_key, 'code_to_link', v);
    end if;
    return v->>'outcome';
end $$;
comment on function billing.code_to_link(bigint, text) is
'The charge that waits for a code is paid by link instead (billing.rail.link_rail). It is legal while no code is with the rail: each reference that one was sent under has ended (I3). outcome: ok | none. Wake coko_charge after the commit.';
