-- SPDX-License-Identifier: Apache-2.0
-- Papers get their numbers here, and not where money moves: who settles waits for no counter.

create or replace function billing.number_paper(p_due billing.paper_due) returns text language plpgsql as $$
declare
    c billing.charge;
    f billing.refund;
    k ops.country;
begin
    if p_due.charge_id is not null then
        select * into c from billing.charge where id = p_due.charge_id;
        select * into k from ops.country where code = p_due.country;
        k.tva_permille := p_due.tva_permille;
        return billing.invoice_charge(c, k);
    end if;
    select * into f from billing.refund where id = p_due.refund_id;
    if exists (select 1 from billing.paper_due d where d.charge_id = f.charge_id) then
        raise exception 'the invoice of charge % has no number yet', f.charge_id;
    end if;
    return billing.invoice_refund(f);
end $$;
comment on function billing.number_paper(billing.paper_due) is
'Makes the invoice or credit note that was due; its number, null where there is none to make (billing.invoice_refund). A credit note whose invoice could not be made is an error, not left out.';

create or replace function billing.number_papers(p_max int) returns int language plpgsql as $$
declare
    d billing.paper_due;
    v_n int := 0;
begin
    perform pg_advisory_xact_lock(hashtextextended('number_papers', 26));
    for d in select * from billing.paper_due x where x.retry_at is null or x.retry_at <= ops.now() order by x.id limit greatest(p_max, 0) loop
        v_n := v_n + 1;
        begin
            delete from billing.paper_due where id = d.id;
            perform billing.number_paper(d);
        exception when others then
            update billing.paper_due set retry_at = ops.now() + interval '1 hour' where id = d.id;
            perform ops.audit_put('billing', 'alert.paper_failed', coalesce('charge:' || d.charge_id, 'refund:' || d.refund_id), jsonb_build_object('error', left(sqlerrm, 200)));
        end;
    end loop;
    return v_n;
end $$;
comment on function billing.number_papers(int) is
'Numbers the papers that are due, at most max, in the order in which they were; how many it looked at. One caller after the other, from here to its commit: no number is given twice, and a credit note comes after its invoice.
The counter is taken here only and goes back with what rolls back, so that no number is missing. A paper that raises (a bug of ours) gives back its number alone, is an alert, and is tried again each hour; the others do not wait for it. Up to 64 at once, or snapshots of the whole server slow down (one subtransaction a paper).';
