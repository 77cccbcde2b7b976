-- SPDX-License-Identifier: Apache-2.0
-- 0055 messaging: rings, USSD that the network begins; and which carriers can ring.
set local lock_timeout = '3s';

create table messaging.ring_carrier (
    carrier text primary key,
    seen_at timestamptz not null
);
comment on table messaging.ring_carrier is
'Carriers that somebody can ring through, as the gateways that serve them said lately (messaging.ring_claim): no ring is made for another.';

create table messaging.ring (
    id          bigint generated always as identity primary key,
    carrier     text not null,
    identity_id bigint not null references auth.identity,
    purpose     text not null check (purpose in ('pass_active', 'pass_ending', 'asked')),
    body        text check (length(body) between 1 and 480),
    state       text not null default 'queued' check (state in ('queued', 'sending', 'accepted', 'refused', 'unknown', 'expired')),
    reason      text not null default '',
    tries       smallint not null default 0,
    due_at      timestamptz not null,
    expires_at  timestamptz not null,
    owner       text,
    epoch       bigint not null default 0,
    lease_until timestamptz,
    dedupe      text unique,
    created_at  timestamptz not null,
    done_at     timestamptz
) with (fillfactor = 80);
-- At most one open ring a phone and purpose.
create unique index ring_one on messaging.ring (identity_id, purpose) where state in ('queued', 'sending');
create index ring_due on messaging.ring (carrier, due_at, id) where state = 'queued';
create index ring_ends on messaging.ring (expires_at) where state = 'queued';
create index ring_sending on messaging.ring (lease_until) where state = 'sending';
create index ring_held on messaging.ring (identity_id) where state = 'sending';
create index ring_created on messaging.ring (created_at);
comment on table messaging.ring is
'M1: a reader is to be rung; the row is committed before the first byte. body null: a dialogue begins and the menu speaks by the purpose; else the text is only told. sending: pushed, under epoch until lease_until; nobody answered by then is unknown, and is never pushed again (M4). expired: its end came, or STOP (reason).';

create index entitlement_ends on billing.entitlement (ends_at);
