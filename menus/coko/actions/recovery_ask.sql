-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: identity step
-- cols: outcome
-- outcomes: asked limited
select a.outcome from auth.recovery_ask($1::bigint, $2) a
