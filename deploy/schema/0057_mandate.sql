-- SPDX-License-Identifier: Apache-2.0
-- 0057 billing: mandates, under which a pass renews itself, off everywhere until an operator turns them on.
set local lock_timeout = '3s';

create table billing.auto_debit (
    country    char(2) not null references ops.country,
    rail       text not null references billing.rail,
    enabled    boolean not null default false,
    valid_days int not null default 365 check (valid_days between 31 and 730),
    primary key (country, rail)
);
comment on table billing.auto_debit is
'Where a pass may renew itself by a rail''s pre-approval. Off: a contract with the rail and the country''s law come first. valid_days: for how long a reader''s yes is asked; then she is asked anew.';

create table billing.mandate_retry (
    failures   int primary key check (failures > 0),
    after_days int not null check (after_days between 1 and 30)
);
comment on table billing.mandate_retry is
'When a renewal that failed so many times is tried again, in days from its first try; behind the last row the mandate sleeps.';

create table billing.mandate_refusal (
    reason text primary key
);
comment on table billing.mandate_refusal is
'Words of rails that say of a debit under a mandate: the payer does not want it, or took it back at his wallet. One of them ends the mandate.';

create table billing.mandate_transition (
    from_state text not null,
    event      text not null,
    to_state   text not null,
    primary key (from_state, event)
);
comment on table billing.mandate_transition is 'The legal moves of a mandate under the events of billing.mandate_event. A pair that is absent changes nothing.';

create table billing.mandate (
    id                 bigint generated always as identity primary key,
    our_ref            uuid not null default gen_random_uuid() unique,
    user_id            bigint not null references auth.users,
    identity_id        bigint not null references auth.identity,
    rail               text not null references billing.rail,
    plan_id            bigint not null references billing.plan,
    amount_minor       bigint not null check (amount_minor > 0),
    currency           char(3) not null,
    state              text not null default 'WANTED' check (state in ('WANTED', 'ASKING', 'ASKED', 'UNKNOWN', 'ACTIVE', 'SLEEPING',
                           'REFUSED', 'ENDING', 'ENDED')),
    why                text,
    answer             text,
    valid_days         int not null,
    polls              int not null default 0,
    attempts           int not null default 0,
    not_found          int not null default 0,
    first_not_found_at timestamptz,
    created_at         timestamptz not null,
    due_at             timestamptz,
    sent_at            timestamptz,
    polled_at          timestamptz,
    active_at          timestamptz,
    expires_at         timestamptz,
    ended_at           timestamptz,
    claimed_by         text,
    version            int not null default 1,
    renew_at           timestamptz,
    noticed_for        timestamptz,
    debit_at           timestamptz,
    tried_at           timestamptz,
    failures           int not null default 0,
    charge_id          bigint references billing.charge,
    check ((renew_at is not null) <= (state = 'ACTIVE'))
);
create unique index mandate_one on billing.mandate (user_id) where state in ('WANTED', 'ASKING', 'ASKED', 'UNKNOWN', 'ACTIVE', 'SLEEPING');
create index mandate_user on billing.mandate (user_id, id desc);
create index mandate_identity on billing.mandate (identity_id);
create index mandate_due on billing.mandate (due_at, id) where due_at is not null;
create index mandate_renew on billing.mandate (renew_at, id) where renew_at is not null;
comment on table billing.mandate is
'A reader''s yes to the renewal of her pass without being asked each time, and the rail''s. our_ref is committed before any byte leaves and never replaced. due_at: the next question to the rail and, while claimed, the end of the lease. renew_at: when her pass is looked at next (billing.run_renewals).';
comment on column billing.mandate.amount_minor is 'The price that she agreed to: another one is never debited under it.';
comment on column billing.mandate.noticed_for is 'The end of the pass whose renewal she was told of: no debit without it. debit_at: not before then.';
comment on column billing.mandate.tried_at is 'First try to debit this period; failures: of it. charge_id: the charge under way, or whose end was not looked at yet.';

create table billing.mandate_consent (
    mandate_id   bigint not null references billing.mandate,
    at           timestamptz not null,
    plan_id      bigint not null references billing.plan,
    price_id     bigint not null references billing.price,
    amount_minor bigint not null,
    currency     char(3) not null,
    period       text not null,
    body         text not null check (body <> ''),
    channel      text not null,
    step_key     text,
    primary key (mandate_id, at)
);
create trigger mandate_consent_append_only before update or delete on billing.mandate_consent
    for each row execute function ops.refuse_change();
comment on table billing.mandate_consent is 'Evidence: the very words, price, period and time of each yes, and the channel it came by. Append-only.';

alter table billing.charge add column mandate_id bigint references billing.mandate;
create index charge_mandate on billing.charge (mandate_id) where mandate_id is not null;
comment on column billing.charge.mandate_id is 'The mandate that this was debited under, without a prompt; null: the payer is asked.';

alter table billing.inbox add column mandate_id bigint references billing.mandate;
create index inbox_mandate on billing.inbox (mandate_id) where mandate_id is not null;
drop index billing.inbox_unmatched;
create index inbox_unmatched on billing.inbox (id) where charge_id is null and mandate_id is null and our_ref_hint is not null;
