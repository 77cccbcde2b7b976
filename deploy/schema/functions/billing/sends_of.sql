-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.sends_of(p_charge_id bigint) returns table (first_sent_s bigint, last_sent_s bigint)
language sql stable as $$
    select coalesce(extract(epoch from min(a.sent_at))::bigint, 0), coalesce(extract(epoch from max(a.sent_at))::bigint, 0)
    from billing.attempt a
    where a.charge_id = p_charge_id and a.our_ref is null and a.event is distinct from 'not_sent'
$$;
comment on function billing.sends_of(bigint) is
'Between which seconds (Unix time) the submits of a charge under its present reference left, of those that may have left at all; 0, 0 when none did. A rail that lists payments by their time alone is searched around them.';
