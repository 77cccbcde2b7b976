-- SPDX-License-Identifier: Apache-2.0
-- 0075 billing: kinds of plans, gifts, single books, credit in a purchase, trials, vouchers, and the way to the next period.
set local lock_timeout = '3s';

alter table billing.plan
    add column kind text not null default 'pass' check (kind in ('pass', 'trial', 'book')),
    add column level int not null default 1 check (level > 0),
    add column grace interval not null default '0' check (grace >= '0'),
    add column audience text not null default 'all' check (audience in ('all', 'student'));
comment on column billing.plan.kind is 'pass: every book for a period. trial: the same once a number, at the price 0. book: one book for ever, at this plan''s price.';
comment on column billing.plan.level is 'A pass of a higher level than the one that runs begins at once, and takes over what is unused of it; others begin at its end.';
comment on column billing.plan.grace is 'How long after its end a pass still opens books on the screen: read-only, no instalment is sent.';
comment on column billing.plan.audience is 'student: offered to readers of billing.student only.';
update billing.plan set grace = '3 days' where period_unit in ('month', 'year');

-- A trial costs nothing, and is no charge.
alter table billing.price drop constraint price_amount_minor_check, add constraint price_amount_minor_check check (amount_minor >= 0);

create table billing.student (
    user_id bigint primary key references auth.users,
    until   timestamptz not null,
    said_by text not null check (said_by <> ''),
    at      timestamptz not null
);
comment on table billing.student is 'Readers whom a school or the operator named as students, until when, and who said so.';

create table billing.book_plan (
    book_id bigint primary key references catalog.book on delete cascade,
    plan_id bigint not null references billing.plan
);
comment on table billing.book_plan is 'The plan of kind ''book'' at whose price a book is sold alone; a book without a row at that of plan ''book''.';

-- Money of an earlier double payment is used up here; a charge that it covers whole meets no rail at all.
insert into billing.rail (code, name, enabled, takes_our_ref, flow) values ('wallet', 'Coko', false, true, 'push') on conflict (code) do nothing;

alter table billing.charge
    add column gift_by bigint references auth.users,
    add column book_id bigint references catalog.book,
    add column credit_minor bigint not null default 0 check (credit_minor >= 0),
    drop constraint charge_amount_minor_check,
    add constraint charge_amount_minor_check check (amount_minor >= 0 and amount_minor + credit_minor > 0),
    add constraint charge_wallet check ((amount_minor = 0) = (rail = 'wallet'));
comment on column billing.charge.gift_by is 'Who gives this to user_id and pays it; null: the reader pays for herself. What is open is shown to who pays.';
comment on column billing.charge.book_id is 'The one book that is bought; null: a pass.';
comment on column billing.charge.credit_minor is 'The part of the price that the reader''s credit pays: reserved while the charge is open, booked when it succeeds. amount_minor is what the rail is asked for.';
create index charge_payer on billing.charge ((coalesce(gift_by, user_id)), id desc);
drop index billing.charge_one_open;
-- I1, of who pays: a gift on its way keeps nobody else from buying.
create unique index charge_one_open on billing.charge ((coalesce(gift_by, user_id)))
    where not superseded and state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED');

create table billing.voucher_batch (
    id           bigint generated always as identity primary key,
    note         text not null default '' check (length(note) <= 200),
    plan_id      bigint not null references billing.plan,
    country      char(2) references ops.country,
    amount_minor bigint not null default 0 check (amount_minor >= 0),
    currency     char(3),
    expires_at   timestamptz not null,
    made_by      text not null check (made_by <> ''),
    made_at      timestamptz not null,
    closed_at    timestamptz,
    check ((currency is not null) = (amount_minor > 0))
);
comment on table billing.voucher_batch is
'Codes that were made together: what each gives, where and until when. amount_minor: what the one who sells them owes for each that is redeemed, VAT included; 0: given away. closed_at: lost or stolen, none works any more.';

create table billing.voucher (
    code_mac    bytea primary key check (octet_length(code_mac) = 32),
    batch_id    bigint not null references billing.voucher_batch,
    redeemed_at timestamptz,
    user_id     bigint references auth.users,
    check ((redeemed_at is not null) = (user_id is not null))
);
create index voucher_of_batch on billing.voucher (batch_id);
comment on table billing.voucher is 'A code as its keyed hash only (S5): it stands in clear on its paper and nowhere else.';

create table billing.voucher_try (
    identity_id bigint not null references auth.identity,
    at          timestamptz not null
);
create index voucher_try_identity on billing.voucher_try (identity_id, at);
create index voucher_try_at on billing.voucher_try (at);
comment on table billing.voucher_try is 'Codes that no voucher has, by the phone that tried them. Kept two days.';

alter table billing.entitlement
    alter column charge_id drop not null,
    add column origin text not null default 'charge' check (origin in ('charge', 'trial', 'voucher')),
    add column voucher bytea unique references billing.voucher,
    add column worth_minor bigint not null default 0 check (worth_minor >= 0),
    add column remind_at timestamptz,
    add column cancelled_at timestamptz,
    add column given_back boolean not null default false,
    add constraint entitlement_charge check ((charge_id is not null) = (origin = 'charge')),
    add constraint entitlement_voucher check ((voucher is not null) = (origin = 'voucher'));
comment on column billing.entitlement.worth_minor is 'What was paid for it, with what it took over of an earlier pass: what a change to a better plan divides into days.';
comment on column billing.entitlement.remind_at is 'When its end is spoken of next (billing.run_reminders); null: never again.';
comment on column billing.entitlement.given_back is 'Its charge was refunded whole: it ended then, without grace.';
comment on column billing.entitlement.cancelled_at is 'The reader wants no next period: nothing reminds her. The right itself stays to its end.';
update billing.entitlement e set worth_minor = c.amount_minor,
    remind_at = case when e.ends_at > ops.now() then ops.now() end
from billing.charge c where c.id = e.charge_id;
create index entitlement_remind on billing.entitlement (remind_at, id) where remind_at is not null;

create table billing.book_right (
    user_id   bigint not null references auth.users,
    book_id   bigint not null references catalog.book,
    charge_id bigint not null unique references billing.charge,
    at        timestamptz not null,
    primary key (user_id, book_id)
);
comment on table billing.book_right is 'A book bought alone: hers for ever. One a charge (I4).';

create table billing.trial (
    lookup      bytea primary key check (octet_length(lookup) = 32),
    user_id     bigint not null references auth.users,
    plan_id     bigint not null references billing.plan,
    consent     text not null,
    channel     text not null,
    at          timestamptz not null
);
comment on table billing.trial is 'Numbers that had their trial, by keyed hash: once a number, whoever holds it.';

create table billing.reminder_step (
    days     int primary key check (days between -30 and 30),
    template text not null
);
comment on table billing.reminder_step is
'Days before (negative) or after the end of a pass on which its reader hears of it. A step counts only for passes that are longer than it, and more than twice as long when it comes before the end.';

create table billing.refusal (
    reason text primary key
);
comment on table billing.refusal is 'Words of rails that say: the payer looked at the request and said no. After one of them nobody is reminded.';

alter table billing.ledger_txn
    drop constraint ledger_txn_kind_check,
    add constraint ledger_txn_kind_check
        check (kind in ('sale', 'credit', 'suspense', 'reversal', 'refund', 'refund_return', 'fee', 'voucher'));
insert into billing.ledger_account values ('vouchers', 'Due from those who sell vouchers');

alter table auth.identity add column rail text references billing.rail;
comment on column auth.identity.rail is 'The wallet that its holder chose to pay with; null: what the network says.';

alter table auth.consent drop constraint consent_what_check, add constraint consent_what_check
    check (what in ('stop', 'start', 'pause', 'resume', 'schedule', 'cancel'));
alter table messaging.keyword drop constraint keyword_action_check, add constraint keyword_action_check
    check (action in ('next', 'stop', 'start', 'help', 'read', 'repeat', 'pause', 'resume', 'menu', 'redeem', 'renew', 'status', 'cancel'));
