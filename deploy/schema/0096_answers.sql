-- SPDX-License-Identifier: Apache-2.0
-- 0096 billing: the answers of a batch are judged one by one and written together. billing.rail_answers is called as before; what it
-- called for each answer is gone. A batch that falls between this and its new text fails whole and is recorded a second later.
set local lock_timeout = '3s';

drop function if exists billing.rail_answer(bigint, int, text, int, text, text, bigint, text, int, text, text, bytea, bytea, bytea, int);
drop function if exists billing.charge_event(bigint, int, text, int, text, text, bigint, text, int);
drop function if exists billing.settle_charge(bigint);
drop function if exists billing.settle_from(bigint, text);
drop function if exists auth.recovery_first(bigint);

create type billing.rail_said as (
    charge bigint, version int, event text, http int, reason text, txn text, amount bigint, currency text, next_poll_s int,
    rail_ref text, link text, link_sealed text, memo_sealed text, callback_mac text, expires_s int
);
comment on type billing.rail_said is 'One answer of a rail about a charge, as billing.rail_answers takes it; what is sealed is in hex.';

create type billing.charge_step as (was billing.charge, now billing.charge, event text, said billing.rail_said);
comment on type billing.charge_step is
'What an answer makes of a charge. event: the answer''s, or mismatch for a success of other money. now.id null: no legal move.';
