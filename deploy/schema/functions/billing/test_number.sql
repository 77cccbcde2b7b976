-- SPDX-License-Identifier: Apache-2.0
-- Numbers that no real rail may charge.

create or replace function billing.test_number_set(p_lookup bytea, p_on boolean, p_note text, p_by text) returns text language plpgsql as $$
declare
    v_n int;
begin
    if p_on then
        insert into billing.test_number (lookup, note, added_by, added_at) values (p_lookup, coalesce(p_note, ''), p_by, ops.now())
        on conflict do nothing;
    else
        delete from billing.test_number t where t.lookup = p_lookup;
    end if;
    get diagnostics v_n = row_count;
    if v_n = 0 then
        return case when p_on then 'there' else 'none' end;
    end if;
    perform ops.audit_put(p_by, 'billing.test_number', 'lookup:' || left(encode(p_lookup, 'hex'), 8), jsonb_build_object('on', p_on, 'note', p_note));
    return 'set';
end $$;
comment on function billing.test_number_set(bytea, boolean, text, text) is
'outcome: set | there (it was one already) | none (it was none). Audited by name; the number itself stands nowhere.';
