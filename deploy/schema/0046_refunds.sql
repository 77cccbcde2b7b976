-- SPDX-License-Identifier: Apache-2.0
-- 0046 billing: refunds, their own machine and its reversal entries.
set local lock_timeout = '3s';

alter table billing.rail
    add column refunds text not null default 'none' check (refunds in ('none', 'full', 'partial')),
    add column refund_takes_our_ref boolean not null default false;
comment on column billing.rail.refunds is 'none: its refunds are made by hand at the operator''s back office. full: whole charges alone. partial: any part.';
comment on column billing.rail.refund_takes_our_ref is 'A refund sent twice under our reference is one refund: what three questions did not find may be sent again (I3).';

create table billing.refund (
    id                 bigint generated always as identity primary key,
    our_ref            uuid not null default gen_random_uuid() unique,
    charge_id          bigint not null references billing.charge,
    amount_minor       bigint not null check (amount_minor > 0),
    currency           char(3) not null,
    reason             text not null check (length(reason) between 1 and 200),
    state              text not null default 'REQUESTED' check (state in ('REQUESTED', 'REFUSED', 'APPROVED', 'REFUNDING', 'REFUND_UNKNOWN',
                           'REFUNDED', 'REFUND_FAILED')),
    requested_by       text not null check (requested_by <> ''),
    requested_at       timestamptz not null,
    decided_by         text check (decided_by <> ''),
    decided_at         timestamptz,
    answer             text,
    rail_ref           text,
    rail_txn           text,
    polls              int not null default 0,
    attempts           int not null default 0,
    not_found          int not null default 0,
    first_not_found_at timestamptz,
    due_at             timestamptz,
    sent_at            timestamptz,
    ended_at           timestamptz,
    claimed_by         text,
    version            int not null default 1,
    check ((decided_by is null) = (decided_at is null)),
    check (state = 'REQUESTED' or decided_by is not null),
    check (state = 'REFUSED' or decided_by <> requested_by)
);
create index refund_charge on billing.refund (charge_id);
create index refund_due on billing.refund (due_at, id) where due_at is not null;
create index refund_open on billing.refund (id) where state in ('REQUESTED', 'APPROVED', 'REFUNDING', 'REFUND_UNKNOWN');
create unique index refund_rail_txn on billing.refund (charge_id, rail_txn) where rail_txn is not null;
comment on table billing.refund is
'Money on its way back to a payer. Asked for by one person and approved by another. our_ref is committed before any byte leaves and never replaced. due_at is the time of the next work and, while claimed, the end of the lease.';
comment on column billing.refund.answer is 'The rail''s last word.';

create table billing.refund_attempt (
    refund_id   bigint not null references billing.refund,
    n           int not null,
    sent_at     timestamptz not null,
    done_at     timestamptz,
    http_status int,
    event       text,
    owner       text not null,
    primary key (refund_id, n)
);
comment on table billing.refund_attempt is 'I2: written and committed before each submit of a refund, completed after it.';

create table billing.refund_transition (
    from_state text not null,
    event      text not null,
    to_state   text not null,
    primary key (from_state, event)
);
comment on table billing.refund_transition is 'The legal moves of a refund under the events of billing.refund_event. A pair that is absent changes nothing.';

insert into billing.ledger_account values ('refunds', 'Approved refunds that have not left yet');
alter table billing.ledger_txn
    add column refund_id bigint references billing.refund,
    drop constraint ledger_txn_kind_check,
    add constraint ledger_txn_kind_check
        check (kind in ('sale', 'credit', 'suspense', 'reversal', 'refund', 'refund_return', 'fee')),
    add constraint ledger_txn_refund check ((refund_id is not null) = (kind in ('reversal', 'refund', 'refund_return'))),
    drop constraint ledger_txn_charge_id_kind_key;
-- A charge may be given back in parts: once a kind and charge, or once a kind and refund.
create unique index ledger_txn_once on billing.ledger_txn (charge_id, kind) where refund_id is null;
create unique index ledger_txn_refund_once on billing.ledger_txn (refund_id, kind) where refund_id is not null;
create index ledger_txn_charge on billing.ledger_txn (charge_id);
