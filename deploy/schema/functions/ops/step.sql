-- SPDX-License-Identifier: Apache-2.0
-- S2: an effect runs at most once a step. Callers: v := ops.step_begin(key, action); if null, do the work and ops.step_end.

create or replace function ops.step_begin(p_step_key text, p_action text) returns jsonb language plpgsql as $$
begin
    if coalesce(p_step_key, '') = '' then
        return null;
    end if;
    perform pg_advisory_xact_lock(hashtextextended(p_action || chr(1) || p_step_key, 26));
    return (select s.result from ops.step_effect s where s.step_key = p_step_key and s.action = p_action);
end $$;
comment on function ops.step_begin(text, text) is
'The recorded result of (step key, action), or null = do it now. Holds a transaction lock on the pair, so a concurrent repetition waits and then reads the result. An empty key means no repetition is possible.';

create or replace function ops.step_end(p_step_key text, p_action text, p_result jsonb) returns void language plpgsql as $$
begin
    if coalesce(p_step_key, '') <> '' then
        insert into ops.step_effect (step_key, action, result, created_at)
        values (p_step_key, p_action, p_result, ops.now());
    end if;
end $$;
comment on function ops.step_end(text, text, jsonb) is 'Records the result of a step''s effect in the effect''s own transaction (S2).';
