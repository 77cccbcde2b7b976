-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- repeat: safe
-- args: identity
-- cols: outcome
select w.outcome from auth.welcomed($1::bigint) w
