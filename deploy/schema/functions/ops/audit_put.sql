-- SPDX-License-Identifier: Apache-2.0
create or replace function ops.audit_put(p_actor text, p_kind text, p_subject text, p_detail jsonb)
returns void language plpgsql as $$
begin
    insert into ops.audit (at, actor, kind, subject, detail)
    values (ops.now(), p_actor, p_kind, p_subject, coalesce(p_detail, '{}'));
end $$;
comment on function ops.audit_put(text, text, text, jsonb) is
'One append-only row: who, what, on which id. Never a number, a code or a body. Kinds ''alert.*'' page a human.';
