-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.ledger_check() returns trigger language plpgsql as $$
declare
    v_txn bigint;
    v_open boolean;
    v_entries bigint;
    v_zero boolean;
begin
    if tg_table_name = 'ledger_txn' then
        v_txn := new.id;
    else
        v_txn := new.txn_id;
    end if;
    select (select t.xact = pg_current_xact_id() from billing.ledger_txn t where t.id = v_txn), sum(s.entries), bool_and(s.total = 0)
    into v_open, v_entries, v_zero
    from (select count(*) as entries, sum(e.amount_minor) as total from billing.ledger_entry e where e.txn_id = v_txn group by e.currency) s;
    if v_open is not true then
        raise exception 'ledger transaction % is closed', v_txn using errcode = 'check_violation';
    end if;
    if (v_entries >= 2 and v_zero) is not true then
        raise exception 'ledger transaction % does not sum to zero', v_txn using errcode = 'check_violation';
    end if;
    return null;
end $$;
comment on function billing.ledger_check() is
'I9, at commit: at least two entries, sum zero a currency, none added to a transaction of the past. Once for the transaction and once for each of its entries, in one statement: it is asked four times for each sale.';
