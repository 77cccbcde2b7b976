-- SPDX-License-Identifier: Apache-2.0
-- 0065 billing: codes that a payer types, and the link that stands in for one.
set local lock_timeout = '3s';

alter table billing.rail add column link_rail text references billing.rail;
comment on column billing.rail.link_rail is
'Of a rail with flow code: the rail whose link the same payer may open instead, on a smartphone. A charge that waits for its code goes over to it when he asks (billing.code_to_link).';

alter table billing.attempt add column promised boolean not null default false;
comment on column billing.attempt.promised is
'The reader who typed the code was told that an SMS follows: an end that is told on screens only is then told by SMS too.';
