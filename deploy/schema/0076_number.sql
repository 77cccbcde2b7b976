-- SPDX-License-Identifier: Apache-2.0
-- 0076 auth: a reader changes her number, and a number its holder.
set local lock_timeout = '3s';

alter table auth.identity
    add column gone_at timestamptz,
    add column gone_for text check (gone_for in ('moved', 'recycled')),
    add constraint identity_gone check ((gone_at is null) = (gone_for is null));
comment on column auth.identity.gone_at is
'The number is this reader''s no more. The row stays for what names it; its look-up is one that no number has, so who dials from the number next is somebody new, with a row of its own.';

create table auth.recovery_code (
    identity_id bigint primary key references auth.identity,
    code_mac    bytea unique check (octet_length(code_mac) = 32),
    made_at     timestamptz,
    wanted_at   timestamptz,
    lease_until timestamptz,
    check ((code_mac is null) = (made_at is null)),
    check (code_mac is not null or wanted_at is not null)
);
create index recovery_code_wanted on auth.recovery_code (wanted_at) where wanted_at is not null;
comment on table auth.recovery_code is
'The one code that moves what is read and paid from this number to another: its keyed hash only (S5). wanted_at: from then on a new one is to be made and sent; lease_until: somebody makes it.';

create table auth.number_move (
    id           bigint generated always as identity primary key,
    kind         text not null check (kind in ('code', 'desk', 'recycled')),
    state        text not null check (state in ('asked', 'waits', 'done', 'refused', 'kept', 'failed')),
    old_identity bigint not null references auth.identity,
    new_identity bigint references auth.identity,
    user_id      bigint not null references auth.users,
    left_user    bigint references auth.users,
    reason       text not null default '' check (length(reason) <= 200),
    asked_by     text,
    asked_at     timestamptz not null,
    decided_by   text check (decided_by <> asked_by),
    due_at       timestamptz,
    ended_at     timestamptz,
    why          text,
    check ((kind = 'recycled') = (new_identity is null)),
    check ((kind = 'code') = (asked_by is null)),
    check ((state in ('asked', 'waits')) = (ended_at is null)),
    check (state <> 'waits' or due_at is not null)
);
create unique index number_move_open on auth.number_move (old_identity) where state in ('asked', 'waits');
create index number_move_due on auth.number_move (due_at, id) where state = 'waits';
comment on table auth.number_move is
'Each change of a number. code: by its reader, at once. desk: one person asks, another approves, and it takes effect at due_at unless the old number says no (kept). recycled: the number has a new holder. user_id: whose it was; left_user: the reader of the new number until then; why: what ended it.';
