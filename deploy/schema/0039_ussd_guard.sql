-- SPDX-License-Identifier: Apache-2.0
-- 0039 ops: hops that were answered with the screen for meanwhile are a kind of their own.
set local lock_timeout = '3s';

alter table ops.hop drop constraint hop_kind_check;
alter table ops.hop add constraint hop_kind_check
    check (kind in ('begin', 'answered', 'invalid', 'back', 'reshow', 'guard', 'abort', 'timeout', 'failed'));
