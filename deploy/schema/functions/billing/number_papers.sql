-- SPDX-License-Identifier: Apache-2.0
-- Papers get their numbers here, and not where money moves: who settles waits for no counter.

create or replace function billing.make_papers(p_due billing.paper_due[]) returns void language plpgsql as $$
declare
    d billing.paper_due;
begin
    delete from billing.paper_due where id = any (array(select u.id from unnest(p_due) u));
    perform billing.invoice_charges(p_due);
    perform billing.invoice_refund((select f from billing.refund f where f.id = u.refund_id)) from unnest(p_due) u where u.refund_id is not null order by u.id;
exception when others then
    if cardinality(p_due) > 1 then
        perform billing.make_papers(p_due[:cardinality(p_due) / 2]);
        perform billing.make_papers(p_due[cardinality(p_due) / 2 + 1:]);
        return;
    end if;
    d := p_due[1];
    -- Somebody holds its charge just now: no fault of anybody.
    if sqlstate = '55P03' then
        update billing.paper_due set retry_at = ops.now() + interval '1 minute' where id = d.id;
        return;
    end if;
    update billing.paper_due set retry_at = ops.now() + interval '1 hour' where id = d.id;
    perform ops.audit_put('billing', 'alert.paper_failed', coalesce('charge:' || d.charge_id, 'refund:' || d.refund_id), jsonb_build_object('error', left(sqlerrm, 200)));
end $$;
comment on function billing.make_papers(billing.paper_due[]) is
'Makes the invoices, then the credit notes that were due, each kind in that order: all of them or, when one raises, first the one half, then the other, until it stands alone: it is an alert, is tried again in an hour (no alert, and in a minute, where its charge is held), and takes no number and no other paper with it.';

create or replace function billing.number_papers(p_max int) returns int language plpgsql as $$
declare
    v_due billing.paper_due[];
begin
    perform pg_advisory_xact_lock(hashtextextended('number_papers', 26));
    -- A charge that somebody holds is waited for at each halving: all of them together no longer than one of the caller's waits.
    perform set_config('lock_timeout', '100ms', true);
    v_due := array(select x from billing.paper_due x where x.retry_at is null or x.retry_at <= ops.now() order by x.id limit greatest(p_max, 0));
    perform billing.make_papers(v_due);
    return cardinality(v_due);
end $$;
comment on function billing.number_papers(int) is
'Numbers the papers that are due, at most max, in the order in which they were; how many it looked at. One caller after the other, from here to its commit: no number is given twice, and a credit note comes after its invoice.
The counter is taken here only and goes back with what rolls back, so that no number is missing. A paper that raises (a bug of ours) holds up no other (billing.make_papers). Hundreds at once: each call walks over what the calls before it took away.';
