-- SPDX-License-Identifier: Apache-2.0
-- 0085 messaging: how many parts a message has on an account's link.
set local lock_timeout = '3s';

alter table messaging.account add column one_part boolean not null default false;
comment on column messaging.account.one_part is
'The link of this account sends a long text as one payload: a message is one part, whatever its segments. Told by its holder (messaging.take_over), read by messaging.claim.';
