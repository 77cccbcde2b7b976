-- SPDX-License-Identifier: Apache-2.0
-- 0002 auth: readers, the ways in, consent, one-time codes, REST sessions.
set local lock_timeout = '3s';
create schema if not exists auth;

create table auth.users (
    id         bigint generated always as identity primary key,
    public_id  uuid not null default gen_random_uuid() unique,
    lang       text not null check (lang ~ '^[a-z]{2,3}$'),
    lang_set   boolean not null default false,
    country    char(2) not null,
    name       text,
    status     text not null default 'active' check (status in ('active', 'suspended', 'deleted')),
    created_at timestamptz not null,
    version    bigint not null default 1
);
comment on table auth.users is 'A reader. lang_set tells a chosen language from the country''s default.';

create table auth.identity (
    id           bigint generated always as identity primary key,
    user_id      bigint not null references auth.users,
    kind         text not null default 'phone' check (kind in ('phone', 'email')),
    lookup       bytea not null check (octet_length(lookup) = 32),
    sealed       bytea not null,
    key_id       int not null,
    country      char(2) not null,
    network      text not null default '',
    ds           text not null default '',
    verified_at  timestamptz,
    stopped_at   timestamptz,
    last_seen_at timestamptz not null,
    created_at   timestamptz not null,
    unique (kind, lookup)
);
create index identity_user on auth.identity (user_id);
comment on table auth.identity is
'The only place of a number: keyed hash for look-up, AES-GCM sealed value, key id (S5). stopped_at is the state of the consent ledger (M3). ds: the carrier''s own class of subscriber or door, as it said.';

create table auth.consent (
    id          bigint generated always as identity primary key,
    identity_id bigint not null references auth.identity,
    purpose     text not null default 'sms',
    granted     boolean not null,
    step_key    text,
    at          timestamptz not null
);
create index consent_identity on auth.consent (identity_id, at);
create trigger consent_append_only before update or delete on auth.consent
    for each row execute function ops.refuse_change();
comment on table auth.consent is 'Append-only ledger of STOP and START: evidence, not state.';

create table auth.otp_request (
    id          bigint generated always as identity primary key,
    public_id   uuid not null default gen_random_uuid() unique,
    identity_id bigint not null references auth.identity,
    otp_hash    bytea not null,
    ip_hash     bytea,
    tries       int not null default 0,
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    used_at     timestamptz
);
create index otp_request_identity on auth.otp_request (identity_id, created_at desc);
create index otp_request_ip on auth.otp_request (ip_hash, created_at desc) where ip_hash is not null;
create index otp_request_created on auth.otp_request (created_at);
comment on table auth.otp_request is 'One-time codes as keyed hashes (S5); five tries each, the last request alone is valid.';

create table auth.session (
    id           uuid primary key default gen_random_uuid(),
    user_id      bigint not null references auth.users,
    identity_id  bigint references auth.identity,
    refresh_hash bytea not null unique,
    user_agent   text not null default '',
    created_at   timestamptz not null,
    last_seen_at timestamptz not null,
    expires_at   timestamptz not null,
    revoked_at   timestamptz
);
create index session_of_user on auth.session (user_id, created_at desc);
comment on table auth.session is 'A REST login: the refresh token as a keyed hash only.';

create table auth.role (
    code        text primary key,
    permissions jsonb not null default '[]'
);
create table auth.user_role (
    user_id    bigint not null references auth.users,
    role       text not null references auth.role,
    granted_by bigint references auth.users,
    granted_at timestamptz not null,
    primary key (user_id, role)
);
comment on table auth.role is 'reader, author, publisher, moderator, admin.';
comment on table auth.user_role is 'Roles beyond reader, with who gave them.';
insert into auth.role(code) values ('reader'), ('author'), ('publisher'), ('moderator'), ('admin');
