-- SPDX-License-Identifier: Apache-2.0
-- 0024 messaging: fewer index entries a message and a part. No change of a message's state is HOT, since partial indexes
-- name the state: each of the three changes of its life makes an entry in every index that has the row.
set local lock_timeout = '3s';

-- What a reader has waiting is found by message_identity: a reader has few messages.
drop index messaging.message_held;

-- Reports and housekeeping read ranges of days: messaging.first_since finds where one begins.
drop index messaging.message_created;

-- Instalments have no dedupe.
alter table messaging.message drop constraint message_dedupe_key;
create unique index message_dedupe on messaging.message (dedupe) where dedupe is not null;

-- A receipt changes no indexed column: with room on its page the part stays where its keys point.
alter table messaging.part set (fillfactor = 50);
