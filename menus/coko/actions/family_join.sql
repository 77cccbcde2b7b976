-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user identity place consent step
-- cols: outcome
-- outcomes: ok none full elsewhere
select j.outcome from billing.family_join($1::bigint, $2::bigint, $3::bigint, $4, $5, 'ussd') j
