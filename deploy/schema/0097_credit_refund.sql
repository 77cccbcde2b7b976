-- SPDX-License-Identifier: Apache-2.0
-- 0097 billing: what credit paid whole can be given back, any part of it: it is credit again (billing.refund_approve).
set local lock_timeout = '3s';

update billing.rail set refunds = 'partial' where code = 'wallet';
