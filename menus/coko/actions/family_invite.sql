-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user identity friend:number step
-- cols: outcome
-- outcomes: ok full known limited self abroad none
select f.outcome from billing.family_invite($1::bigint, $2::bigint, $3::jsonb, $4, 'ussd') f
