-- SPDX-License-Identifier: Apache-2.0
-- 0006 messaging: the outbox, the parts that carriers confirm, keywords and texts.
set local lock_timeout = '3s';
create schema if not exists messaging;

create table messaging.account (
    name         text primary key,
    epoch        bigint not null default 0,
    unknown_hold interval not null default '60 seconds',
    enabled      boolean not null default true
);
comment on table messaging.account is
'An SMSC account. epoch: the newest holder that took it over (messaging.recover); an older one claims nothing. unknown_hold: how long a reader''s SUITE waits for the receipt of an instalment of unknown outcome.';

create table messaging.route (
    country text not null,
    network text not null,
    account text not null references messaging.account,
    prio    int not null default 100,
    primary key (country, network, account)
);
comment on table messaging.route is 'Which account sends to a country and network; ''*'' is any, after the named ones.';

create table messaging.template (
    key  text not null,
    lang text not null,
    body text not null,
    primary key (key, lang)
);
comment on table messaging.template is 'Texts of messages, loaded by coko migrate from menus/coko/text/<lang>.json under "sms"; {name} is replaced.';

create table messaging.keyword (
    word   text primary key check (word = upper(word)),
    action text not null check (action in ('next', 'stop', 'start', 'help', 'read'))
);
comment on table messaging.keyword is 'What a reader may send, folded to upper case without accents.';

create table messaging.receipt_word (
    word  text primary key check (word = upper(word)),
    state text not null check (state in ('accepted', 'delivered', 'failed', 'expired'))
);
comment on table messaging.receipt_word is 'The words and numbers of carriers for a part''s state; accepted = not final. An unknown word is not final.';

create table messaging.message (
    id           bigint generated always as identity primary key,
    account      text references messaging.account,
    identity_id  bigint not null references auth.identity,
    user_id      bigint references auth.users,
    kind         text not null check (kind in ('otp', 'reply', 'receipt', 'notice', 'instalment')),
    priority     smallint not null,
    state        text not null default 'queued' check (state in ('queued', 'claimed', 'sending', 'accepted', 'delivered', 'partial',
                     'failed', 'unknown', 'cancelled', 'expired')),
    body         text,
    body_sealed  bytea,
    lang         text not null,
    encoding     text not null default 'gsm7' check (encoding in ('gsm7', 'auto')),
    segments     int not null default 0,
    parts        smallint not null default 0,
    tries        smallint not null default 0,
    cancel_asked boolean not null default false,
    due_at       timestamptz not null,
    expires_at   timestamptz not null,
    epoch        bigint not null default 0,
    owner        text,
    dedupe       text unique,
    book_id      bigint references catalog.book,
    from_part    int,
    from_at      int,
    to_part      int,
    to_at        int,
    created_at   timestamptz not null,
    sent_at      timestamptz,
    done_at      timestamptz
) with (fillfactor = 80);
-- Claims order by exactly this index, one priority at a time.
create index message_due on messaging.message (account, priority, due_at, id) where state = 'queued';
create index message_sending on messaging.message (account, id) where state in ('claimed', 'sending');
create index message_held on messaging.message (identity_id, id) where state in ('queued', 'claimed', 'sending');
create index message_instalment on messaging.message (user_id, book_id, id desc) where kind = 'instalment';
create index message_identity on messaging.message (identity_id, id desc);
create index message_unrouted on messaging.message (id) where account is null and state = 'queued';
create index message_created on messaging.message (created_at);
comment on table messaging.message is
'M1: the outbox. A row is born in the transaction of its cause. priority: 0 otp, 1 reply and receipt, 2 notice, 3 instalment. due_at ''infinity'' = held until the last flagged message has left ''sending'' (M3). The body of an OTP is sealed and wiped once accepted or expired (S5).';

create table messaging.part (
    account    text not null,
    ref        text collate "C" not null,
    message_id bigint references messaging.message,
    no         smallint not null default 0,
    state      text not null check (state in ('accepted', 'delivered', 'failed', 'expired', 'unknown')),
    code       int,
    shared     boolean not null default false,
    alt        text[],
    lookup     bytea,
    at         timestamptz not null,
    receipt_at timestamptz,
    primary key (account, ref)
) with (fillfactor = 85);
create index part_message on messaging.part (message_id, no);
create index part_orphan on messaging.part (account, at) where message_id is null;
create index part_orphan_alt on messaging.part using gin (alt) where message_id is null;
comment on table messaging.part is
'A part as the carrier knows it. Born with the response or with the receipt, whichever comes first; both upsert (account, ref). Without message_id it is an orphan receipt. Provisional ref m<message>.<no> until a response names it. shared: the carrier gave one ref to several parts; the others stand under <ref>#m<message>.<no>.';

create table messaging.usage (
    user_id  bigint not null references auth.users,
    day      date not null,
    segments int not null check (segments >= 0),
    primary key (user_id, day)
);
comment on table messaging.usage is 'Segments of instalments a reader and local day: the allowance of a plan counts here.';

create table messaging.inbound (
    id          bigint generated always as identity primary key,
    account     text not null,
    dedupe      bytea not null,
    identity_id bigint not null references auth.identity,
    action      text not null,
    outcome     text not null,
    message_id  bigint,
    received_at timestamptz not null,
    unique (account, dedupe)
);
create index inbound_received on messaging.inbound (received_at);
comment on table messaging.inbound is 'What came in and what it did; a repeated delivery gets the recorded outcome. No text, no number. Rows go after 30 days.';
