-- SPDX-License-Identifier: Apache-2.0
-- 0086 messaging: what ESMEs have in the outbox is counted, so that it has a ceiling.
set local lock_timeout = '3s';

create index message_esme_queued on messaging.message (id) where kind = 'esme' and state = 'queued';
comment on index messaging.message_esme_queued is 'What the count behind [esme] outbox walks.';
