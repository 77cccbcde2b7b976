-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: identity step
-- cols: outcome
select s.outcome from auth.stop($1::bigint, $2) s
