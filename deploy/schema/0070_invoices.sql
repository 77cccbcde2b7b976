-- SPDX-License-Identifier: Apache-2.0
-- 0070 billing: invoices and credit notes, numbered without a gap.
set local lock_timeout = '3s';

create table billing.seller (
    country     char(2) not null references ops.country,
    valid_from  timestamptz not null,
    name        text not null check (length(name) between 1 and 60),
    particulars text not null default '' check (length(particulars) <= 400),
    primary key (country, valid_from)
);
comment on table billing.seller is
'Who sells in a country, as its invoices must say: the name, and lines of address, register and tax numbers. The newest valid_from not in the future counts; an invoice keeps a copy.';

create table billing.invoice_counter (
    country char(2) not null references ops.country,
    year    int not null,
    kind    text not null check (kind in ('invoice', 'credit')),
    last    bigint not null check (last > 0),
    last_at timestamptz not null,
    primary key (country, year, kind)
);
comment on table billing.invoice_counter is
'The last number given in a country, year and series. Its row stays locked until billing.number_papers, the only one that takes a number, commits: what rolls back gives it back.';

create table billing.invoice (
    id                 bigint generated always as identity primary key,
    number             text not null unique,
    country            char(2) not null references ops.country,
    year               int not null,
    kind               text not null check (kind in ('invoice', 'credit')),
    seq                bigint not null check (seq > 0),
    issued_at          timestamptz not null,
    user_id            bigint not null references auth.users,
    charge_id          bigint not null references billing.charge,
    refund_id          bigint unique references billing.refund,
    of_invoice         bigint references billing.invoice,
    lang               text not null check (lang in ('fr', 'en')),
    label              text not null,
    seller_name        text not null,
    seller_particulars text not null,
    currency           char(3) not null,
    ht_minor           bigint not null,
    tva_minor          bigint not null,
    ttc_minor          bigint not null,
    tva_permille       int not null check (tva_permille >= 0),
    credit_minor       bigint not null default 0,
    unique (country, year, kind, seq),
    check (ht_minor + tva_minor = ttc_minor),
    check ((kind = 'invoice' and ttc_minor > 0 and tva_minor >= 0 and refund_id is null and of_invoice is null)
        or (kind = 'credit' and ttc_minor < 0 and tva_minor <= 0 and refund_id is not null and of_invoice is not null))
);
create unique index invoice_charge on billing.invoice (charge_id) where kind = 'invoice';
create index invoice_user on billing.invoice (user_id, id desc);
create index invoice_of on billing.invoice (of_invoice) where of_invoice is not null;
comment on table billing.invoice is
'The papers of a sale, in the ledger''s figures: an invoice a granted charge, and a credit note, negative, for each refund of it. Append-only. user_id: who paid; no name and no number.';
comment on column billing.invoice.credit_minor is 'The part of ttc_minor that the payer''s credit paid, or that went back to it.';
comment on column billing.invoice.lang is 'The paper''s language: the payer''s, or the one of the two that it falls to.';

create table billing.paper_due (
    id           bigint generated always as identity primary key,
    charge_id    bigint unique references billing.charge,
    refund_id    bigint unique references billing.refund,
    country      char(2) references ops.country,
    tva_permille int,
    retry_at     timestamptz,
    check (num_nonnulls(charge_id, refund_id) = 1),
    check (num_nonnulls(charge_id, country, tva_permille) in (0, 3))
);
comment on table billing.paper_due is
'A row is a paper not yet numbered (billing.number_papers): written in the transaction that settles a charge or ends a refund, deleted in the one that numbers it. country, tva_permille: of a sale, as it was booked.';
comment on column billing.paper_due.retry_at is 'Its paper could not be made: when it is tried again. Null: it was not tried.';

create trigger invoice_append_only before update or delete on billing.invoice
    for each row execute function ops.refuse_change();
create trigger invoice_no_truncate before truncate on billing.invoice
    for each statement execute function ops.refuse_change();
