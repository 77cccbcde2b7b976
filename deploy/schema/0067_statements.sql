-- SPDX-License-Identifier: Apache-2.0
-- 0067 billing: what the rails say of their own books, line by line, and what of ours they do not say.
set local lock_timeout = '3s';

alter table billing.rail add column statement text references billing.rail;
comment on column billing.rail.statement is 'The rail in whose statement the money of this one is listed; null: it has its own.';

create table billing.statement (
    id          bigint generated always as identity primary key,
    rail        text not null references billing.rail,
    sha256      bytea not null check (octet_length(sha256) = 32),
    from_at     timestamptz not null,
    to_at       timestamptz not null,
    lines       int not null check (lines >= 0),
    imported_by text not null check (imported_by <> ''),
    imported_at timestamptz not null,
    check (to_at > from_at)
);
create index statement_rail on billing.statement (rail, to_at);
create unique index statement_once on billing.statement (sha256) where lines > 0;
-- The files of two days without a transaction have the same bytes.
create unique index statement_empty_once on billing.statement (rail, from_at, to_at) where lines = 0;
comment on table billing.statement is
'A file of a rail that was imported, once: sha256 is of its bytes. It tells everything that the rail did with our wallet from from_at until to_at. Its name is not kept: it may hold a number (S5).';

create table billing.statement_line (
    id                bigint generated always as identity primary key,
    statement_id      bigint not null references billing.statement,
    line_no           int not null check (line_no > 0),
    rail              text not null references billing.rail,
    rail_txn_id       text not null check (length(rail_txn_id) between 1 and 64),
    reference         text check (length(reference) <= 64),
    kind              text not null check (kind in ('payment', 'refund', 'fee', 'other')),
    gross_minor       bigint not null,
    fee_minor         bigint not null check (fee_minor >= 0),
    withholding_minor bigint not null check (withholding_minor >= 0),
    currency          char(3) not null check (currency ~ '^[A-Z]{3}$'),
    at                timestamptz not null,
    state             text not null default 'open' check (state in ('open', 'matched', 'waiting', 'review', 'suspense', 'noted')),
    note              text,
    charge_id         bigint references billing.charge,
    refund_id         bigint references billing.refund,
    matched_at        timestamptz,
    explanation       text check (length(explanation) between 1 and 300),
    explained_by      text,
    explained_at      timestamptz,
    unique (rail, rail_txn_id, kind),
    check (case kind when 'other' then true when 'fee' then gross_minor = 0 and fee_minor > 0 else gross_minor > 0 end),
    check (num_nonnulls(explanation, explained_by, explained_at) in (0, 3)),
    check (charge_id is null or kind = 'payment'), check (refund_id is null or kind = 'refund')
);
create index statement_line_statement on billing.statement_line (statement_id);
create index statement_line_at on billing.statement_line (at);
create index statement_line_open on billing.statement_line (id) where state not in ('matched', 'noted');
create index statement_line_told on billing.statement_line (rail, id) where state <> 'matched' and explanation is null;
-- One line a charge and one a refund: a second is money of its own.
create unique index statement_line_charge on billing.statement_line (charge_id) where charge_id is not null;
create unique index statement_line_refund on billing.statement_line (refund_id) where refund_id is not null;
comment on table billing.statement_line is
'What a rail says that it did, once, whatever statements tell it. gross: what the payer was debited, or given back; fee and withholding: what the rail kept of it. kind other: neither a payment, a refund nor a fee, with its sign. The states are drawn in billing.statement_match.';
comment on column billing.statement_line.reference is 'Kept where it is ours or has its form; what a payer typed there is not (S5).';

create table billing.statement_missing (
    id           bigint generated always as identity primary key,
    rail         text not null references billing.rail,
    charge_id    bigint unique references billing.charge,
    refund_id    bigint unique references billing.refund,
    day          date not null,
    amount_minor bigint not null check (amount_minor > 0),
    currency     char(3) not null,
    found_at     timestamptz not null,
    line_id      bigint references billing.statement_line,
    explanation  text check (length(explanation) between 1 and 300),
    explained_by text,
    explained_at timestamptz,
    check (num_nonnulls(charge_id, refund_id) = 1),
    check (num_nonnulls(explanation, explained_by, explained_at) in (0, 3))
);
create index statement_missing_line on billing.statement_missing (line_id);
create index statement_missing_open on billing.statement_missing (rail, id) where line_id is null and explanation is null;
comment on table billing.statement_missing is
'A success or a refund of ours that the rail''s statements do not have, although they tell of all the time in which it can have happened. line_id: a later statement told it after all.';

create index attempt_our_ref on billing.attempt (our_ref) where our_ref is not null;
create index refund_rail_txn_any on billing.refund (rail_txn) where rail_txn is not null;
create index refund_rail_ref on billing.refund (rail_ref) where rail_ref is not null;
