-- SPDX-License-Identifier: Apache-2.0
-- 0019 messaging: our own name of a part, come back in its receipt.
set local lock_timeout = '3s';

alter table messaging.part add column own int;
comment on column messaging.part.own is 'Of an orphan: the user_message_reference that its receipt gave back (messaging.part_reference).';
