-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.part_reference(p_message_id bigint, p_no int) returns int language plpgsql immutable as $$
begin
    return ((p_message_id * 257 + p_no) % 65535 + 1)::int;
end $$;
comment on function messaging.part_reference(bigint, int) is
'Our own 16-bit name of a part, sent as user_message_reference; many carriers give it back in the receipt. The rule of compose_reference.';

create or replace function messaging.match_named(p_account text, p_ids bigint[]) returns int language plpgsql as $$
declare
    v_ids bigint[] := '{}';
    o record;
begin
    for o in
        select f.ref as orphan, f.state, f.code, f.receipt_at, q.ref, q.message_id
        from messaging.message m
        join auth.identity i on i.id = m.identity_id
        join messaging.part q on q.message_id = m.id and q.state = 'unknown'
        join messaging.part f on f.lookup = i.lookup and f.message_id is null and f.account = p_account and f.at >= m.sent_at
            and f.own = messaging.part_reference(m.id, q.no)
        where m.id = any (p_ids) and m.account = p_account
        order by q.message_id, q.no, f.at
    loop
        delete from messaging.part x where x.account = p_account and x.ref = o.orphan and x.message_id is null;
        if found then
            update messaging.part x set ref = o.orphan, state = o.state, code = o.code, receipt_at = o.receipt_at
            where x.account = p_account and x.ref = o.ref and x.state = 'unknown';
            v_ids := v_ids || o.message_id;
        end if;
    end loop;
    if v_ids <> '{}' then
        perform messaging.aggregate(v_ids);
    end if;
    return cardinality(v_ids);
end $$;
comment on function messaging.match_named(text, bigint[]) is
'Parts of unknown outcome take the orphan receipts that give our own name of them back, and the carrier''s ref with it: no guess. Returns how many.';
