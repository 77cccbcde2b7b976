-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- repeat: safe
-- args: identity
-- cols: outcome
-- outcomes: kept none
select auth.move_keep($1::bigint, 'ussd') as outcome
