-- SPDX-License-Identifier: Apache-2.0
-- 0001 ops: the clock, idempotent steps, leases, jobs, audit and the reference of countries and networks.
set local lock_timeout = '3s';

create schema if not exists ops;
create extension if not exists unaccent with schema public;
create extension if not exists pg_trgm with schema public;

create table ops.clock (
    one   boolean primary key default true check (one),
    shift interval not null default '0'
);
comment on table ops.clock is 'One row. shift is 0 in production; a test sets it to move every rule at once.';
insert into ops.clock default values;

create function ops.now() returns timestamptz language plpgsql stable parallel safe as $$
begin
    return now() + (select c.shift from ops.clock c);
end $$;
comment on function ops.now() is
'The time of every rule. PL/pgSQL on purpose: a scalar SQL function with a sub-select cannot be inlined and would be planned at every call.';

create function ops.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_schema || '.' || tg_table_name
        using errcode = 'restrict_violation';
end $$;
comment on function ops.refuse_change() is 'Trigger of append-only tables: no UPDATE, DELETE or TRUNCATE (I9).';

create table ops.step_effect (
    step_key   text not null,
    action     text not null,
    result     jsonb not null,
    created_at timestamptz not null,
    primary key (step_key, action)
);
create index step_effect_created on ops.step_effect (created_at);
comment on table ops.step_effect is
'S2: the recorded result of an effect under its step. Written in the effect''s own transaction, read on repetition.';

create table ops.lease (
    name   text primary key,
    owner  text not null,
    epoch  bigint not null,
    until  timestamptz not null
);
comment on table ops.lease is 'Who owns a bind or the scheduler. The epoch only grows and is checked in the holder''s writes.';

create table ops.job (
    id           bigint generated always as identity primary key,
    queue        text not null,
    kind         text not null,
    args         jsonb not null default '{}',
    state        text not null default 'ready' check (state in ('ready', 'running', 'done', 'dead')),
    run_at       timestamptz not null,
    attempts     int not null default 0,
    max_attempts int not null default 8 check (max_attempts > 0),
    unique_key   text,
    owner        text,
    locked_until timestamptz,
    last_error   text,
    created_at   timestamptz not null,
    finished_at  timestamptz
);
-- A running job keeps its place with run_at moved to the end of its lease, so one index finds new, due and abandoned work.
create index job_due on ops.job (queue, run_at, id) where state in ('ready', 'running');
create unique index job_unique on ops.job (queue, unique_key) where unique_key is not null and state in ('ready', 'running');
create index job_finished on ops.job (finished_at) where finished_at is not null;
comment on table ops.job is 'Transactional jobs: the row is born in the transaction that needs the work.';

create table ops.audit (
    id      bigint generated always as identity,
    at      timestamptz not null,
    actor   text not null,
    kind    text not null,
    subject text not null,
    detail  jsonb not null default '{}',
    primary key (at, id)
) partition by range (at);
create table ops.audit_other partition of ops.audit default;
create index audit_subject on ops.audit (subject, at);
create index audit_kind on ops.audit (kind, at);
create trigger audit_append_only before update or delete on ops.audit
    for each row execute function ops.refuse_change();
create trigger audit_no_truncate before truncate on ops.audit
    for each statement execute function ops.refuse_change();
comment on table ops.audit is
'Append-only record of what a person or a rule decided (ids only, no number, no secret). kind ''alert.*'' rows are pages for a human. By month; old months are dropped.';

create table ops.country (
    code         char(2) primary key,
    names        jsonb not null,
    dialling     text not null unique,
    national_len int not null,
    lang         text not null,
    time_zone    text not null,
    currency     char(3) not null,
    exponent     smallint not null default 0 check (exponent between 0 and 3),
    money_name   text not null,
    tva_permille int not null default 0 check (tva_permille between 0 and 500)
);
comment on table ops.country is 'Per country: dialling code, length of a national number, first language, clock, money and VAT rate (prices are VAT included).';

create table ops.network (
    country char(2) not null references ops.country,
    code    text not null,
    name    text not null,
    primary key (country, code)
);
comment on table ops.network is 'Mobile networks of a country under our own short code (orange, mtn, moov ...).';

create table ops.network_code (
    code    text primary key,
    country char(2) not null,
    network text not null,
    foreign key (country, network) references ops.network
);
comment on table ops.network_code is 'MCC+MNC as aggregators send it in networkCode.';

create table ops.network_prefix (
    prefix  text primary key,
    country char(2) not null,
    network text not null,
    foreign key (country, network) references ops.network
);
comment on table ops.network_prefix is 'First digits of an E.164 number without +; the longest match wins. Ported numbers are corrected by what the carrier or the rail says.';
