-- SPDX-License-Identifier: Apache-2.0
-- 0087 billing: the walk of passes that end soon has an index that no reader's own question can take for hers. On an empty
-- table all indexes cost the same, and a plan that was made then reads every running pass for each page of a reader.
set local lock_timeout = '3s';

drop index billing.entitlement_ends;
create index entitlement_ringing on billing.entitlement (ends_at) where cancelled_at is null and not given_back;
