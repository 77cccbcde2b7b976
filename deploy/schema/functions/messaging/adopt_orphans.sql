-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.adopt_orphans(p_message_id bigint) returns int language plpgsql as $$
declare
    m messaging.message;
    o messaging.part;
    p messaging.part;
    v_n int := 0;
begin
    select * into m from messaging.message where id = p_message_id;
    if m.state is distinct from 'unknown' then
        return 0;
    end if;
    for o in
        select f.* from messaging.part f
        where f.message_id is null and f.account = m.account and f.at >= m.sent_at
          and f.lookup = (select i.lookup from auth.identity i where i.id = m.identity_id)
        order by f.at, f.ref
        for update skip locked
    loop
        select * into p from messaging.part q
        where q.message_id = m.id and q.state = 'unknown' and (o.own is null or o.own = messaging.part_reference(m.id, q.no))
        order by q.no limit 1;
        continue when not found;
        delete from messaging.part x where x.account = o.account and x.ref = o.ref;
        update messaging.part x set ref = o.ref, state = o.state, code = o.code, receipt_at = o.receipt_at
        where x.account = p.account and x.ref = p.ref;
        v_n := v_n + 1;
    end loop;
    if v_n > 0 then
        perform messaging.aggregate(array[m.id]);
    end if;
    return v_n;
end $$;
comment on function messaging.adopt_orphans(bigint) is
'A message of unknown outcome takes the receipts that its phone''s carrier sent since and that no response named: its sender died between the write and the record. So an instalment that has a receipt is never repeated. Returns how many.';
