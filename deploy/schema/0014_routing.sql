-- SPDX-License-Identifier: Apache-2.0
-- 0014 messaging: health of accounts, what a segment costs, messages that changed their route.
set local lock_timeout = '3s';

alter table messaging.account
    add column paused_at timestamptz,
    add column down_after interval not null default '30 seconds' check (down_after >= '0');
comment on column messaging.account.paused_at is 'Set: claims nothing, and new messages go by another route while there is one.';
comment on column messaging.account.down_after is 'How long its bind may be down before messages go by another route.';

create table messaging.account_health (
    account text primary key references messaging.account,
    epoch   bigint not null,
    up      boolean not null,
    since   timestamptz not null,
    seen_at timestamptz not null
) with (fillfactor = 50);
comment on table messaging.account_health is
'Whether an account''s bind is up and since when, as the holder of its lease says on each change and every few seconds. Who says nothing for a minute has died: down since then.';

create table messaging.route_cost (
    account    text not null references messaging.account,
    country    text not null,
    network    text not null default '*',
    currency   char(3) not null,
    cost       bigint not null check (cost >= 0),
    valid_from timestamptz not null,
    primary key (account, country, network, valid_from)
);
comment on table messaging.route_cost is
'What an account asks for one segment to a country and network, in millionths of the currency''s unit (0.0215 EUR = 21500); ''*'' is any, after the named ones. The newest valid_from not in the future counts.';

create table ops.exchange_rate (
    currency   char(3) not null,
    per_eur    numeric not null check (per_eur > 0),
    valid_from timestamptz not null,
    primary key (currency, valid_from)
);
comment on table ops.exchange_rate is 'Units of a currency for one euro, to compare and add up costs; the newest valid_from not in the future counts.';

alter table messaging.message add column refused_by text;
comment on column messaging.message.refused_by is
'The account that refused the number for good before any part was taken: the message was sent by another, once, and never by this one again.';
