-- SPDX-License-Identifier: Apache-2.0
-- 0041 auth: which phones have been told what a session costs and what becomes of the number.
set local lock_timeout = '3s';

-- Phones that we know by now are not asked again: a constant default fills them without a rewrite.
alter table auth.identity add column welcomed_at timestamptz default now();
alter table auth.identity alter column welcomed_at drop default;
comment on column auth.identity.welcomed_at is
'When somebody at this phone went on from the welcome screen (costs, privacy). Null: each dial shows it, however many begin at once, whatever else made the identity.';
