-- SPDX-License-Identifier: Apache-2.0
-- 0043 messaging: the messages of one submit_multi.
set local lock_timeout = '3s';

create table messaging.esme_multi (
    message_id bigint primary key references messaging.message on delete cascade,
    multi      bigint not null
);
create index esme_multi_multi on messaging.esme_multi (multi);
comment on table messaging.esme_multi is
'Messages of one submit_multi. multi: the id under which their ESME knows them all, that of one of them.';
