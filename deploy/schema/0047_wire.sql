-- SPDX-License-Identifier: Apache-2.0
-- 0047 messaging: wire_of says the folding too; functions/messaging/submit.sql makes it anew.
set local lock_timeout = '3s';

drop function if exists messaging.wire_of(text, bigint, text);
