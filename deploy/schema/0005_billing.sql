-- SPDX-License-Identifier: Apache-2.0
-- 0005 billing: plans, prices, rails, charges, entitlements, ledger, inbox. Money is bigint minor units + currency.
set local lock_timeout = '3s';
create schema if not exists billing;

create table billing.plan (
    id            bigint generated always as identity primary key,
    code          text not null unique,
    names         jsonb not null,
    period_names  jsonb not null default '{}',
    period_unit   text not null check (period_unit in ('day', 'week', 'month', 'year')),
    period_count  int not null default 1 check (period_count > 0),
    renew_before  interval not null default '0',
    segments      int not null default 5 check (segments between 1 and 10),
    seg_day       int not null default 20 check (seg_day >= 0),
    seg_month     int not null default 300 check (seg_month >= 0),
    on_sale       boolean not null default true,
    sort          int not null default 1000
);
comment on table billing.plan is
'What a pass gives: its period, N segments an instalment, allowance of segments a day and a month. renew_before: how long before its end the same plan may be bought again. Plan ''free'' is the allowance of readers without a pass.';

create table billing.price (
    id           bigint generated always as identity primary key,
    plan_id      bigint not null references billing.plan,
    country      char(2) not null references ops.country,
    amount_minor bigint not null check (amount_minor > 0),
    currency     char(3) not null,
    valid_from   timestamptz not null,
    unique (plan_id, country, valid_from)
);
comment on table billing.price is 'Versioned prices, VAT included: the newest valid_from not in the future is the price; older rows stay for the charges that name them.';

create table billing.rail (
    code           text primary key,
    name           text not null,
    enabled        boolean not null default false,
    takes_our_ref  boolean not null,
    push_delay_s   int not null default 4 check (push_delay_s >= 0),
    prompt_s       int not null default 300 check (prompt_s > 0),
    submit_lease_s int not null default 45 check (submit_lease_s > 0),
    poll_lease_s   int not null default 30 check (poll_lease_s > 0)
);
comment on table billing.rail is
'A mobile-money rail. takes_our_ref: a repeated submit with our reference cannot debit twice, so three not-founds allow it (I3). push_delay_s: END screen first, then the prompt.';

create table billing.rail_route (
    country char(2) not null references ops.country,
    network text not null,
    rail    text not null references billing.rail,
    prio    int not null default 100,
    primary key (country, network, rail)
);
comment on table billing.rail_route is 'Which rail serves a payer''s country and network; network ''*'' is any, after the named ones.';

create table billing.approval_hint (
    rail    text not null references billing.rail,
    country text not null,
    lang    text not null,
    body    text not null check (length(body) <= 120),
    primary key (rail, country, lang)
);
comment on table billing.approval_hint is 'What the payer must do to see or approve the prompt, told on the END screen; country ''*'' is the general text.';

create table billing.charge_transition (
    from_state text not null,
    event      text not null,
    to_state   text not null,
    note       text not null default '',
    primary key (from_state, event, to_state)
);
comment on table billing.charge_transition is
'The legal moves of a charge under the events of billing.charge_event. A pair that is absent changes nothing (I10). The same table stands in gateway/money and a test diffs the two.';

create table billing.poll_ladder (
    poll    int primary key check (poll >= 0),
    delay_s int not null check (delay_s > 0)
);
comment on table billing.poll_ladder is 'Delay before poll number n; the highest row not above n counts.';

create table billing.charge (
    id                 bigint generated always as identity primary key,
    our_ref            uuid not null default gen_random_uuid() unique,
    user_id            bigint not null references auth.users,
    identity_id        bigint not null references auth.identity,
    plan_id            bigint not null references billing.plan,
    price_id           bigint not null references billing.price,
    period_no          int not null check (period_no > 0),
    rail               text not null references billing.rail,
    amount_minor       bigint not null check (amount_minor > 0),
    currency           char(3) not null,
    channel            text not null,
    consent            text not null,
    state              text not null default 'CREATED' check (state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN',
                           'UNRESOLVED', 'SUCCEEDED', 'SUCCEEDED_LATE', 'FAILED', 'EXPIRED', 'REVIEW')),
    settlement         text check (settlement in ('granted', 'credited', 'review')),
    superseded         boolean not null default false,
    reason             text,
    rail_txn           text,
    polls              int not null default 0,
    attempts           int not null default 0,
    not_found          int not null default 0,
    first_not_found_at timestamptz,
    rechecks           int not null default 0,
    created_at         timestamptz not null,
    due_at             timestamptz,
    submitted_at       timestamptz,
    last_polled_at     timestamptz,
    hinted_at          timestamptz,
    prompt_expires_at  timestamptz,
    prompt_expired     boolean not null default false,
    ended_at           timestamptz,
    claimed_by         text,
    claimed_epoch      bigint,
    version            int not null default 1,
    check ((settlement is not null) = (state in ('SUCCEEDED', 'SUCCEEDED_LATE', 'REVIEW')))
);
comment on table billing.charge is
'One attempt to be paid once. our_ref is committed before any byte leaves (I2) and never replaced (I3). due_at is the time of the next work and, while claimed, the end of the lease; null = nothing left to do. period_no counts the periods of a plan that a reader has bought: the key of I1.';
comment on column billing.charge.consent is 'Evidence of the confirmed price, period and wording (two screens: offer, confirmation).';
-- I1: one live or successful charge a reader, plan and period ...
create unique index charge_one_a_period on billing.charge (user_id, plan_id, period_no)
    where not superseded and state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED', 'REVIEW', 'SUCCEEDED');
-- ... and one open charge a reader, whatever the plan.
create unique index charge_one_open on billing.charge (user_id)
    where not superseded and state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED');
create unique index charge_rail_txn on billing.charge (rail, rail_txn) where rail_txn is not null;
create index charge_due on billing.charge (due_at, id) where due_at is not null;
create index charge_user on billing.charge (user_id, created_at desc, id desc);

create table billing.attempt (
    charge_id   bigint not null references billing.charge,
    n           int not null,
    sent_at     timestamptz not null,
    done_at     timestamptz,
    http_status int,
    event       text,
    owner       text not null,
    epoch       bigint not null,
    primary key (charge_id, n)
);
comment on table billing.attempt is 'I2: written and committed before each submit, completed after it.';

create table billing.entitlement (
    id         bigint generated always as identity primary key,
    user_id    bigint not null references auth.users,
    plan_id    bigint not null references billing.plan,
    charge_id  bigint not null unique references billing.charge,
    starts_at  timestamptz not null,
    ends_at    timestamptz not null,
    anchor_day int not null check (anchor_day between 1 and 31),
    created_at timestamptz not null,
    check (ends_at > starts_at)
);
create index entitlement_user on billing.entitlement (user_id, ends_at desc);
comment on table billing.entitlement is 'A paid period, one a charge (I4). Periods of a reader follow each other and never overlap: no hour is lost.';

create table billing.ledger_account (
    code text primary key,
    name text not null
);
insert into billing.ledger_account values ('clearing', 'Due from the rails'), ('liability', 'Credit of readers'),
    ('revenue', 'Passes sold, without VAT'), ('tva', 'VAT collected'), ('fees', 'Fees of the rails'),
    ('suspense', 'Received, waiting for a person');
comment on table billing.ledger_account is 'The accounts. Positive entries are debits.';

create table billing.ledger_txn (
    id        bigint generated always as identity primary key,
    kind      text not null check (kind in ('sale', 'credit', 'suspense', 'reversal', 'fee')),
    charge_id bigint references billing.charge,
    user_id   bigint references auth.users,
    at        timestamptz not null,
    xact      xid8 not null default pg_current_xact_id(),
    unique (charge_id, kind)
);
create table billing.ledger_entry (
    id           bigint generated always as identity primary key,
    txn_id       bigint not null references billing.ledger_txn,
    account      text not null references billing.ledger_account,
    rail         text,
    amount_minor bigint not null check (amount_minor <> 0),
    currency     char(3) not null
);
create index ledger_entry_txn on billing.ledger_entry (txn_id);
create index ledger_txn_user on billing.ledger_txn (user_id, at);
comment on table billing.ledger_txn is 'I9: an append-only transaction; complete in the database transaction that opens it.';
comment on table billing.ledger_entry is 'I9: append-only; the entries of a transaction sum to zero in each currency, checked at commit.';

create function billing.ledger_check() returns trigger language plpgsql as $$
declare
    v_txn bigint := case when tg_table_name = 'ledger_txn' then (to_jsonb(new)->>'id')::bigint
                         else (to_jsonb(new)->>'txn_id')::bigint end;
begin
    if not exists (select 1 from billing.ledger_txn t where t.id = v_txn and t.xact = pg_current_xact_id()) then
        raise exception 'ledger transaction % is closed', v_txn using errcode = 'check_violation';
    end if;
    if (select count(*) from billing.ledger_entry e where e.txn_id = v_txn) < 2
       or exists (select 1 from billing.ledger_entry e where e.txn_id = v_txn
                  group by e.currency having sum(e.amount_minor) <> 0) then
        raise exception 'ledger transaction % does not sum to zero', v_txn using errcode = 'check_violation';
    end if;
    return null;
end $$;
comment on function billing.ledger_check() is 'I9, at commit: at least two entries, sum zero a currency, none added to a transaction of the past.';
create constraint trigger ledger_txn_zero after insert on billing.ledger_txn
    deferrable initially deferred for each row execute function billing.ledger_check();
create constraint trigger ledger_entry_zero after insert on billing.ledger_entry
    deferrable initially deferred for each row execute function billing.ledger_check();
create trigger ledger_txn_append_only before update or delete on billing.ledger_txn
    for each row execute function ops.refuse_change();
create trigger ledger_entry_append_only before update or delete on billing.ledger_entry
    for each row execute function ops.refuse_change();
create trigger ledger_txn_no_truncate before truncate on billing.ledger_txn
    for each statement execute function ops.refuse_change();
create trigger ledger_entry_no_truncate before truncate on billing.ledger_entry
    for each statement execute function ops.refuse_change();

create table billing.inbox (
    id             bigint generated always as identity primary key,
    rail           text not null,
    dedupe_key     bytea not null,
    headers_sealed bytea not null,
    body_sealed    bytea not null,
    verified       boolean not null,
    our_ref_hint   text,
    charge_id      bigint references billing.charge,
    seen           int not null default 1,
    received_at    timestamptz not null,
    unique (rail, dedupe_key)
);
create index inbox_received on billing.inbox (received_at);
create index inbox_unmatched on billing.inbox (id) where charge_id is null and our_ref_hint is not null;
comment on table billing.inbox is
'I6: callbacks as they came, sealed, before any parsing; one row an event. Not partitioned: its uniqueness is what makes 64 copies one. Rows go after 30 days.';
