-- SPDX-License-Identifier: Apache-2.0
-- 0017 messaging: what an operator wishes of an account, what its binds say of themselves, the unknowns.
set local lock_timeout = '3s';

alter table messaging.account add column wish text not null default 'run' check (wish in ('run', 'pause', 'drain'));
comment on column messaging.account.wish is
'run; pause: nothing more is claimed, what was begun is ended, the bind stays and hears; drain: the bind is given up as well.';

create table messaging.bind (
    name        text primary key,
    account     text not null,
    owner       text not null,
    epoch       bigint not null,
    state       text not null,
    since       timestamptz not null,
    window_used int not null,
    window_size int not null,
    waiting     int not null,
    rate_now    int not null,
    rate_full   int not null,
    sent_per_s  numeric not null,
    throttled   boolean not null,
    error       text not null,
    at          timestamptz not null
);
comment on table messaging.bind is
'What the owner of each bind said last, every few seconds: for `coko status`. state: of the link. rate_now and rate_full: parts a second allowed now and by contract, 0 = no limit; sent_per_s: parts answered a second since the row before.';

create index message_unknown on messaging.message (account, id) where state = 'unknown';
comment on index messaging.message_unknown is 'What an operator lists and decides about (M4).';
