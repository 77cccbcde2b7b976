-- SPDX-License-Identifier: Apache-2.0
-- 0015 messaging: who a message says it is from in a country.
set local lock_timeout = '3s';

create table messaging.sender (
    account text not null references messaging.account,
    country text not null,
    kind    text not null check (kind in ('alphanumeric', 'numeric', 'short_code')),
    sender  text not null,
    two_way boolean not null,
    primary key (account, country),
    check (case kind when 'alphanumeric' then sender ~ '^[ -~]{1,11}$' and not two_way
                     when 'numeric' then sender ~ '^[0-9]{8,15}$' else sender ~ '^[0-9]{2,8}$' end)
);
comment on table messaging.sender is
'The sender id that an account''s contract allows in a country (''*'': any other), instead of the link''s own. two_way: what a reader answers reaches us; never so for letters.';
