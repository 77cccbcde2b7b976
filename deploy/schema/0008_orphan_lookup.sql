-- SPDX-License-Identifier: Apache-2.0
-- 0008 messaging: orphan receipts of a phone, for an instalment whose outcome was lost with its sender.
set local lock_timeout = '3s';

create index part_orphan_lookup on messaging.part (lookup, at) where message_id is null;
comment on index messaging.part_orphan_lookup is 'Receipts without a part yet, by the phone they name.';
