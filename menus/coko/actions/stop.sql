-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: identity step
-- cols: outcome
select s.outcome from auth.stop_by($1::bigint, $2, 'ussd') s
