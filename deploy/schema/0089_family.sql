-- SPDX-License-Identifier: Apache-2.0
-- 0089 billing: a pass under which others read too.
set local lock_timeout = '3s';

alter table billing.plan add column members int not null default 0 check (members between 0 and 20);
comment on column billing.plan.members is 'How many others read under a pass of this plan beside its reader; 0: she alone. Each has the plan''s whole allowance.';

create table billing.family_member (
    id          bigint generated always as identity primary key,
    host_id     bigint not null references auth.users,
    seat        int not null check (seat > 0),
    user_id     bigint not null references auth.users check (user_id <> host_id),
    identity_id bigint not null references auth.identity,
    mark        text not null check (mark ~ '^[0-9]{0,2}$'),
    state       text not null default 'invited' check (state in ('invited', 'member', 'ended')),
    invited_at  timestamptz not null,
    joined_at   timestamptz,
    consent     text,
    channel     text,
    ended_at    timestamptz,
    ended_why   text check (ended_why in ('declined', 'withdrawn', 'expired', 'left', 'removed', 'lapsed', 'moved', 'recycled')),
    check ((joined_at is null) = (consent is null) and (joined_at is null) = (channel is null)),
    check (state = 'invited' or joined_at is not null or state = 'ended'),
    check ((state = 'ended') = (ended_at is not null) and (state = 'ended') = (ended_why is not null))
);
comment on table billing.family_member is
'Who reads, or is asked to read, under the pass of another (host_id: whose pass it is, whoever paid it). The right is not here: it is the host''s pass, while its plan has the seat (billing.pass_of). mark: the last two digits of the number that was asked, for its host to know her by. consent, channel: the words she said yes to, and by which way.';
-- A place is one row, so that a family never has more of them than its plan; who is asked holds hers for seven days.
create unique index family_seat on billing.family_member (host_id, seat) where state <> 'ended';
create unique index family_asked on billing.family_member (user_id, host_id) where state <> 'ended';
-- She reads under one pass.
create unique index family_one on billing.family_member (user_id) where state = 'member';
create index family_said on billing.family_member (host_id, invited_at);
create index family_was on billing.family_member (user_id, joined_at) where joined_at is not null;

alter table messaging.keyword drop constraint keyword_action_check;
alter table messaging.keyword add constraint keyword_action_check
    check (action in ('next', 'stop', 'start', 'help', 'read', 'repeat', 'pause', 'resume', 'menu', 'redeem', 'renew', 'status', 'cancel',
                      'recovery', 'keep', 'join'));
