-- SPDX-License-Identifier: Apache-2.0
-- 0037 ops: every hop of a USSD dialogue, for the figures of screens and the funnel.
set local lock_timeout = '3s';

create table ops.hop (
    at          timestamptz not null,
    session     bytea not null check (octet_length(session) = 8),
    n           int not null,
    carrier     text not null,
    country     text not null,
    lang        text not null,
    from_screen text not null,
    screen      text not null,
    kind        text not null check (kind in ('begin', 'answered', 'invalid', 'back', 'reshow', 'abort', 'timeout', 'failed')),
    ended       boolean not null,
    ms          int not null check (ms >= 0),
    primary key (at, session, n)
) partition by range (at);
create table ops.hop_other partition of ops.hop default;
comment on table ops.hop is
'One row an answered callback; screens are names of the flow. session is the mark drawn when a dialogue begins: it is no number, no identity and no hash of one. from_screen is '''' at a beginning, screen is '''' where nothing was shown (abort, timeout). A partition a day, made and dropped by ops.hop_days; written in batches, and lost rather than waited for.';

create table ops.funnel_step (
    no      int primary key,
    name    text not null unique,
    screens text[] not null
);
comment on table ops.funnel_step is 'Steps from the dial to the purchase and the screens that tell that one was reached; none: the dial itself.';
