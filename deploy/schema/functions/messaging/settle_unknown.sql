-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.settle_unknown(p_account text, p_max int) returns table (resent int, given_up int) language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    p messaging.unknown_policy;
    m messaging.message;
begin
    resent := 0;
    given_up := 0;
    for p in select * from messaging.unknown_policy y where y.action <> 'wait' order by y.kind loop
        for m in
            select * from messaging.message x
            where x.account = p_account and x.kind = p.kind and x.state = 'unknown' and x.done_at <= v_now - p.after
            order by x.done_at limit p_max for no key update skip locked
        loop
            if p.action = 'give_up' or m.expires_at <= v_now then
                update messaging.message x set state = 'expired', body_sealed = null, done_at = v_now where x.id = m.id;
                given_up := given_up + 1;
            elsif m.tries <= p.max and messaging.requeue_refusal(m, v_now) is null
                  and not exists (select 1 from messaging.part q where q.message_id = m.id and q.state <> 'unknown') then
                delete from messaging.part q where q.message_id = m.id;
                update messaging.message x set state = 'queued', due_at = v_now, done_at = null where x.id = m.id;
                resent := resent + 1;
            end if;
        end loop;
    end loop;
    return next;
end $$;
comment on function messaging.settle_unknown(text, int) is
'A periodic job of the account''s holder: messaging.unknown_policy applied to at most max messages a kind. Sent again is only what is certainly without a receipt or a response, still valid, within its tries (M4) and not of a reader who said STOP (M3); what is past its end is over.';
