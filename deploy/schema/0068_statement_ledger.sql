-- SPDX-License-Identifier: Apache-2.0
-- 0068 billing: what the rails keep for themselves and for the tax office, and money of nobody, in the ledger by their line.
set local lock_timeout = '3s';

insert into billing.ledger_account values ('withholding', 'Withheld by the rails for the tax office');
alter table billing.ledger_txn
    add column line_id bigint references billing.statement_line,
    add column line_part text check (line_part in ('fee', 'withholding', 'held', 'released')),
    add constraint ledger_txn_line check (
        (line_id is not null) = (line_part is not null)
        and (line_id is null or (charge_id is null and refund_id is null and user_id is null
                                 and kind = case when line_part in ('fee', 'withholding') then 'fee' else 'suspense' end)));
comment on column billing.ledger_txn.line_id is
'The line of a statement that this books. It has no charge: what a charge''s entries say of what the rail debited stays the gross.';
comment on column billing.ledger_txn.line_part is
'What of the line: the rail''s fee and what it withheld, each by itself; held: money without a charge, to suspense; released: out of it, when its charge has booked it.';
create unique index ledger_txn_line_once on billing.ledger_txn (line_id, line_part) where line_id is not null;
create index ledger_txn_at on billing.ledger_txn (at);
create index ledger_entry_suspense on billing.ledger_entry (currency, amount_minor) where account = 'suspense';
create index charge_trouble on billing.charge (rail, state) where state in ('UNKNOWN', 'UNRESOLVED', 'REVIEW');
