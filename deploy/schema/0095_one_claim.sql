-- SPDX-License-Identifier: Apache-2.0
-- 0095 billing: charges are claimed by claim_rail_work alone. A claim that falls between this and its new text fails whole and is made
-- again a second later.
set local lock_timeout = '3s';

drop function if exists billing.claim_charges(text, bigint, int);
