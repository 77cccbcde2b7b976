-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user want
-- cols: outcome lang
-- outcomes: ok unknown
select r.outcome, r.lang from auth.set_language($1::bigint, $2) r
