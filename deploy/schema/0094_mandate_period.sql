-- SPDX-License-Identifier: Apache-2.0
-- 0094 billing: a mandate knows the period that its reader agreed to.
set local lock_timeout = '3s';

alter table billing.mandate
    add column period_unit text check (period_unit in ('day', 'week', 'month', 'year')),
    add column period_count int check (period_count > 0);
update billing.mandate m set period_unit = p.period_unit, period_count = p.period_count from billing.plan p where p.id = m.plan_id;
comment on column billing.mandate.period_unit is
'With period_count: how long a period of the plan was when she said yes; another one is never debited under it. Null: she did while this column was being added.';
