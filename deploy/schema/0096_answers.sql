-- SPDX-License-Identifier: Apache-2.0
-- 0096 billing: the answers of a batch are judged one by one and written together. billing.rail_answers is called as before; what it
-- called for each answer (rail_answer, charge_event and settle_charge of a charge's id, settle_from) stays for one release.
set local lock_timeout = '3s';

create type billing.rail_said as (
    charge bigint, version int, event text, http int, reason text, txn text, amount bigint, currency text, next_poll_s int,
    rail_ref text, link text, link_sealed text, memo_sealed text, callback_mac text, expires_s int
);
comment on type billing.rail_said is 'One answer of a rail about a charge, as billing.rail_answers takes it; what is sealed is in hex.';

create type billing.charge_step as (was billing.charge, now billing.charge, event text, said billing.rail_said);
comment on type billing.charge_step is
'What an answer makes of a charge. event: the answer''s, or mismatch for a success of other money. now.id null: no legal move.';

-- The history of charges is written once a statement: steps come by the batch, and each row's own insert was a tenth of what a payment costs.
drop trigger charge_changed on billing.charge;
create or replace function billing.charge_changed() returns trigger language plpgsql as $$
begin
    -- What changed first, by sorting: a statement may put off a thousand charges and change none.
    insert into billing.charge_change (charge_id, at, from_state, to_state, settlement, superseded, reason, by_owner)
    select n.id, t.now, o.state, n.state, n.settlement, n.superseded, n.reason, coalesce(n.claimed_by, o.claimed_by)
    from (select x.id, x.state, x.settlement, x.superseded from news x except select x.id, x.state, x.settlement, x.superseded from olds x) c
    join news n on n.id = c.id join olds o on o.id = c.id cross join (select ops.now() as now offset 0) t
    order by n.id;
    return null;
end $$;
comment on function billing.charge_changed() is 'Writes billing.charge_change, in the transaction of the steps.';
create trigger charge_changed after update on billing.charge referencing old table as olds new table as news for each statement
    execute function billing.charge_changed();
