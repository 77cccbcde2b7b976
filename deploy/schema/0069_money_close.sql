-- SPDX-License-Identifier: Apache-2.0
-- 0069 billing: days whose money was looked at by a person and is zero or explained.
set local lock_timeout = '3s';

create table billing.money_close (
    day       date primary key,
    closed_by text not null check (closed_by <> ''),
    closed_at timestamptz not null,
    figures   jsonb not null,
    items     jsonb not null
);
comment on table billing.money_close is
'A closed day (UTC): who closed it, the figures that he saw (billing.close_figures) and each difference with its explanation (billing.close_items). Once a day, never changed.';
create trigger money_close_append_only before update or delete on billing.money_close
    for each row execute function ops.refuse_change();
create trigger money_close_no_truncate before truncate on billing.money_close
    for each statement execute function ops.refuse_change();
