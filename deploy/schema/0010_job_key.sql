-- SPDX-License-Identifier: Apache-2.0
-- 0010 jobs by key, finished ones too: the scheduler asks whether this period's job was ever made.
set local lock_timeout = '3s';

create index job_key on ops.job (queue, unique_key) where unique_key is not null;
