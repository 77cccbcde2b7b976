-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user place step
-- cols: outcome
-- Who is asked says no, a member leaves, or the host takes one out: what it is follows from whose place it is.
select e.outcome from billing.family_end($1::bigint, $2::bigint, $3, 'ussd') e
