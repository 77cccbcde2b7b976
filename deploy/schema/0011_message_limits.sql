-- SPDX-License-Identifier: Apache-2.0
-- 0011 messaging: the texts of one number lately, and sealed bodies by their end.
set local lock_timeout = '3s';

create index inbound_identity on messaging.inbound (identity_id, received_at);
create index message_sealed on messaging.message (expires_at) where body_sealed is not null;
comment on index messaging.message_sealed is 'S5: what is left to wipe.';
