-- SPDX-License-Identifier: Apache-2.0
-- Room for audit rows ahead of time and an end for rows that have one.

create or replace function ops.audit_partitions(p_months int) returns int language plpgsql as $$
declare
    v_made int := 0;
begin
    for i in 0 .. p_months loop
        v_made := v_made + ops.partition_make('ops.audit', 'at', (date_trunc('month', ops.now()) + make_interval(months => i))::date, '1 month');
    end loop;
    return v_made;
end $$;
comment on function ops.audit_partitions(int) is
'Makes the audit partitions of this month and the next ones; a month whose rows already stand in the default partition keeps them there.';

create or replace function ops.expire_rows(p_max int) returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_total int := 0;
    v_n int;
    v_old bigint[];
begin
    delete from ops.step_effect s where s.ctid = any (array(
        select e.ctid from ops.step_effect e where e.created_at < v_now - interval '7 days' order by e.created_at limit p_max));
    get diagnostics v_n = row_count; v_total := v_total + v_n;
    delete from ops.job j where j.id = any (array(
        select e.id from ops.job e where e.finished_at < v_now - interval '7 days' order by e.finished_at limit p_max));
    get diagnostics v_n = row_count; v_total := v_total + v_n;
    delete from billing.inbox i where i.id = any (array(
        select e.id from billing.inbox e where e.received_at < v_now - interval '30 days' order by e.received_at limit p_max));
    get diagnostics v_n = row_count; v_total := v_total + v_n;
    delete from messaging.inbound i where i.id = any (array(
        select e.id from messaging.inbound e where e.received_at < v_now - interval '30 days' order by e.received_at limit p_max));
    get diagnostics v_n = row_count; v_total := v_total + v_n;
    delete from messaging.esme_receipt r where r.id = any (array(
        select e.id from messaging.esme_receipt e where e.created_at < v_now - interval '3 days' order by e.created_at limit p_max));
    get diagnostics v_n = row_count; v_total := v_total + v_n;
    delete from messaging.ring r where r.id = any (array(
        select e.id from messaging.ring e where e.created_at < v_now - interval '30 days' order by e.created_at limit p_max));
    get diagnostics v_n = row_count; v_total := v_total + v_n;
    delete from messaging.esme_text t where t.id = any (array(
        select e.id from messaging.esme_text e where e.created_at < v_now - interval '3 days' order by e.created_at limit p_max));
    get diagnostics v_n = row_count; v_total := v_total + v_n;
    delete from reading.free_page f where f.ctid = any (array(
        select e.ctid from reading.free_page e where e.day < (v_now - interval '2 days')::date order by e.day limit p_max));
    get diagnostics v_n = row_count; v_total := v_total + v_n;
    delete from reading.part_read f where f.ctid = any (array(
        select e.ctid from reading.part_read e where e.month < (v_now - interval '13 months')::date order by e.month limit p_max));
    get diagnostics v_n = row_count; v_total := v_total + v_n;
    delete from billing.voucher_try t where t.ctid = any (array(
        select e.ctid from billing.voucher_try e where e.at < v_now - interval '2 days' order by e.at limit p_max));
    get diagnostics v_n = row_count; v_total := v_total + v_n;
    v_old := array(select e.id from messaging.message e
                   where e.id < messaging.first_since(v_now - interval '90 days') and e.created_at < v_now - interval '90 days'
                     and e.state not in ('queued', 'claimed', 'sending')
                     and e.id < (select c.closed_id from messaging.book_counted c)  -- nothing leaves uncounted
                     and not exists (select 1 from messaging.message r where r.repeats = e.id)  -- it goes after its repetitions
                   order by e.id limit p_max);
    v_total := v_total + messaging.archive_put(v_old);
    v_total := v_total + messaging.expire_unclaimed(p_max);
    update messaging.message m set body_sealed = null,
        state = case when m.state = 'queued' then 'expired' else m.state end,
        done_at = case when m.state = 'queued' then v_now else m.done_at end
    where m.state not in ('claimed', 'sending') and m.id = any (array(
        select e.id from messaging.message e where e.body_sealed is not null and e.expires_at <= v_now order by e.expires_at limit p_max));
    delete from auth.otp_request o where o.id = any (array(
        select e.id from auth.otp_request e where e.created_at < v_now - interval '30 days' order by e.created_at limit p_max));
    get diagnostics v_n = row_count;
    return v_total + v_n;
end $$;
comment on function ops.expire_rows(int) is
'Takes at most max rows a table: steps and finished jobs after 7 days, receipts and texts that an ESME never took after 3, free pages after 2, raw inbox, inbound, OTP rows and rings after 30, messages that are over and counted (messaging.count_deliveries) go to messaging.archive, without their parts, after 90; ends messages past their end that no claim ends (messaging.expire_unclaimed); wipes sealed bodies past their end wherever no claim did, as without a link (S5). Returns how many; call again while it is not 0.';
