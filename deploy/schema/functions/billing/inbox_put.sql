-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.inbox_put(p_rail text, p_dedupe_key bytea, p_headers_sealed bytea, p_body_sealed bytea,
                                             p_verified boolean, p_our_ref_hint text)
returns table (outcome text) language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_new boolean;
    v_charge bigint;
    v_mandate bigint;
begin
    insert into billing.inbox as i (rail, dedupe_key, headers_sealed, body_sealed, verified, our_ref_hint, received_at)
    values (p_rail, p_dedupe_key, p_headers_sealed, p_body_sealed, p_verified, left(p_our_ref_hint, 64), v_now)
    on conflict (rail, dedupe_key) do update set seen = i.seen + 1
    returning i.seen = 1 into v_new;
    if v_new then
        v_charge := billing.inbox_hint(p_rail, p_our_ref_hint);
        if v_charge is null then
            v_mandate := billing.mandate_hint(p_rail, p_our_ref_hint);
        end if;
        if num_nonnulls(v_charge, v_mandate) > 0 then
            update billing.inbox i set charge_id = v_charge, mandate_id = v_mandate where i.rail = p_rail and i.dedupe_key = p_dedupe_key;
        end if;
    end if;
    return query select case when v_new then 'new' else 'seen' end;
end $$;
comment on function billing.inbox_put(text, bytea, bytea, bytea, boolean, text) is
'I6, I7: stores a callback sealed and raw, once; outcome: new | seen, the same for a known and an unknown reference (no oracle). Changes no state: it only pulls the next query forward.';

create or replace function billing.inbox_hint(p_rail text, p_our_ref text) returns bigint language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_charge bigint;
begin
    v_charge := billing.charge_of_hint(p_rail, p_our_ref);
    if v_charge is null then
        return null;
    end if;
    update billing.charge c set
        hinted_at = v_now,
        due_at = case when c.claimed_by is null and c.state in ('PENDING', 'UNKNOWN', 'UNRESOLVED')
                      then least(c.due_at, greatest(v_now, c.last_polled_at + interval '10 seconds'))
                      -- also when every later question was asked: a success at hour 30 comes by its callback (case 9)
                      when c.claimed_by is null and c.state in ('FAILED', 'EXPIRED')
                      then least(c.due_at, greatest(v_now, c.last_polled_at + interval '10 seconds'))
                      else c.due_at end
    where c.id = v_charge;
    return v_charge;
end $$;
comment on function billing.inbox_hint(text, text) is
'Pulls the next status query of a charge forward, not below 10 s after the last one, so that a flood of callbacks is no flood of queries. A claimed charge keeps its lease and remembers the hint.';

create or replace function billing.inbox_match(p_max int) returns int language plpgsql as $$
declare
    i billing.inbox;
    v_n int := 0;
    v_charge bigint;
    v_mandate bigint;
begin
    for i in select * from billing.inbox b where b.charge_id is null and b.mandate_id is null and b.our_ref_hint is not null
             order by b.id desc limit p_max for update skip locked loop
        v_charge := billing.inbox_hint(i.rail, i.our_ref_hint);
        v_mandate := case when v_charge is null then billing.mandate_hint(i.rail, i.our_ref_hint) end;
        if num_nonnulls(v_charge, v_mandate) > 0 then
            update billing.inbox set charge_id = v_charge, mandate_id = v_mandate where id = i.id;
            v_n := v_n + 1;
        end if;
    end loop;
    return v_n;
end $$;
comment on function billing.inbox_match(int) is 'Retries the newest unmatched callbacks; a periodic job. Returns how many found their charge or mandate.';
