-- SPDX-License-Identifier: Apache-2.0
-- 0071 billing, reading: what authors share in of a month's sales.
set local lock_timeout = '3s';

create table reading.part_read (
    month   date not null check (extract(day from month) = 1),
    book_id bigint not null references catalog.book,
    part    int not null,
    user_id bigint not null references auth.users,
    chars   int not null check (chars > 0),
    primary key (month, book_id, part, user_id)
);
comment on table reading.part_read is
'Parts that a reader read to their end under a pass that somebody paid, once a month of the reader''s calendar, with their length then: by it authors share in passes (billing.royalty_run), so that cutting a book finer brings nothing. Kept 13 months.';

alter table billing.rail add column fee_permille int not null default 0 check (fee_permille between 0 and 1000);
comment on column billing.rail.fee_permille is 'What the rail keeps of a debit, by its contract: not the authors''.';

create table billing.royalty_rule (
    country       char(2) not null references ops.country,
    valid_from    timestamptz not null,
    pool_permille int not null check (pool_permille between 0 and 1000),
    sale_permille int not null check (sale_permille between 0 and 1000),
    primary key (country, valid_from)
);
comment on table billing.royalty_rule is
'The authors'' part, in thousandths, of a month''s passes (pool) and of a book sold alone (sale), both without VAT and fees. The newest valid_from before the month''s end counts; a run keeps a copy.';

create table billing.author_share (
    book_id   bigint not null references catalog.book,
    author_id bigint not null references catalog.author,
    share     int not null check (share between 0 and 1000),
    primary key (book_id, author_id)
);
create index author_share_author on billing.author_share (author_id);
comment on table billing.author_share is
'How the people of a book share in it, by their contracts. Without a row: 1 for an author, 0 for another role. A book whose people have nothing but 0 shares in nothing.';

create table billing.royalty_run (
    id            bigint generated always as identity primary key,
    month         date not null check (extract(day from month) = 1),
    country       char(2) not null references ops.country,
    currency      char(3) not null,
    ht_minor      bigint not null check (ht_minor >= 0),
    fee_minor     bigint not null check (fee_minor >= 0),
    pool_permille int not null,
    sale_permille int not null,
    pot_minor     bigint not null check (pot_minor >= 0),
    chars         bigint not null check (chars >= 0),
    made_by       text not null check (made_by <> ''),
    made_at       timestamptz not null,
    unique (month, country)
);
comment on table billing.royalty_run is
'A month of a country, divided once. ht_minor: its passes without VAT, less what was refunded within the month; pot_minor: what authors had of it, 0 where nobody read (chars) under a paid pass. Append-only.';

create table billing.royalty (
    id           bigint generated always as identity primary key,
    run_id       bigint not null references billing.royalty_run,
    of_run       bigint not null references billing.royalty_run,
    kind         text not null check (kind in ('pool', 'sale')),
    reversal     boolean not null,
    book_id      bigint not null references catalog.book,
    author_id    bigint not null references catalog.author,
    charge_id    bigint references billing.charge,
    amount_minor bigint not null check (amount_minor <> 0),
    check ((charge_id is not null) = (kind = 'sale')),
    check (reversal or (amount_minor > 0 and of_run = run_id)),
    unique nulls not distinct (run_id, of_run, reversal, book_id, author_id, charge_id)
);
create index royalty_of on billing.royalty (of_run);
create index royalty_author on billing.royalty (author_id, id desc);
create index royalty_charge on billing.royalty (charge_id) where charge_id is not null;
comment on table billing.royalty is
'What an author has of a book in a run: of the passes (pool) or of one sold alone (sale). reversal: a refund took it back, of the run of the month that it was sold in. Append-only.';

create table billing.royalty_refund (
    refund_id bigint primary key references billing.refund,
    run_id    bigint not null references billing.royalty_run,
    of_run    bigint not null references billing.royalty_run,
    charge_id bigint not null references billing.charge,
    book_id   bigint references catalog.book,
    ht_minor  bigint not null check (ht_minor >= 0)
);
create index royalty_refund_run on billing.royalty_refund (run_id);
create index royalty_refund_of on billing.royalty_refund (of_run);
comment on table billing.royalty_refund is 'Refunds that a run has taken back from authors, once each: of the run of the sale''s month. Append-only.';

create trigger royalty_run_append_only before update or delete on billing.royalty_run
    for each row execute function ops.refuse_change();
create trigger royalty_append_only before update or delete on billing.royalty
    for each row execute function ops.refuse_change();
create trigger royalty_refund_append_only before update or delete on billing.royalty_refund
    for each row execute function ops.refuse_change();
create trigger royalty_run_no_truncate before truncate on billing.royalty_run
    for each statement execute function ops.refuse_change();
create trigger royalty_no_truncate before truncate on billing.royalty
    for each statement execute function ops.refuse_change();
create trigger royalty_refund_no_truncate before truncate on billing.royalty_refund
    for each statement execute function ops.refuse_change();

insert into billing.ledger_account values ('authors', 'Due to authors');
alter table billing.ledger_txn
    add column royalty_run_id bigint references billing.royalty_run,
    add constraint ledger_txn_royalty check (royalty_run_id is null or (kind = 'credit' and charge_id is null and refund_id is null and user_id is null));
comment on column billing.ledger_txn.royalty_run_id is 'The run whose sum this credits to authors out of the revenue, or takes back.';
create unique index ledger_txn_royalty_once on billing.ledger_txn (royalty_run_id) where royalty_run_id is not null;
