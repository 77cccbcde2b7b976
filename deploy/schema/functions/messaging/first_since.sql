-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.first_since(p_at timestamptz) returns bigint language plpgsql stable as $$
declare
    v_from bigint;
    v_to bigint;
    v_mid bigint;
    v_at timestamptz;
begin
    -- A row's number is drawn moments after its transaction read the clock: an hour is ample.
    p_at := p_at - interval '1 hour';
    select coalesce(min(m.id), 1), coalesce(max(m.id), 0) + 1 into v_from, v_to from messaging.message m;
    while v_from < v_to loop
        v_mid := v_from + (v_to - v_from) / 2;
        select m.created_at into v_at from messaging.message m where m.id >= v_mid order by m.id limit 1;
        if v_at < p_at then
            v_from := v_mid + 1;
        else
            v_to := v_mid;
        end if;
    end loop;
    return v_from;
end $$;
comment on function messaging.first_since(timestamptz) is
'A message number that no message born at or after this moment is below: numbers grow with time, so a bisection of the primary key replaces an index on created_at, which every change of state would have to enter again.';
