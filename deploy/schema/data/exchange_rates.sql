-- SPDX-License-Identifier: Apache-2.0
-- The two francs are pegged to the euro. Rates that move are the operator's to keep.
insert into ops.exchange_rate (currency, per_eur, valid_from) values
    ('EUR', 1, '1999-01-01 00:00+00'), ('XOF', 655.957, '1999-01-01 00:00+00'), ('XAF', 655.957, '1999-01-01 00:00+00')
on conflict (currency, valid_from) do nothing;
