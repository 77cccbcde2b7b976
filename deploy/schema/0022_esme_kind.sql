-- SPDX-License-Identifier: Apache-2.0
-- 0022 messaging: the wider set of kinds is true of every row; only a light lock is held while they are read.
set local lock_timeout = '3s';

alter table messaging.message validate constraint message_kind_check;
