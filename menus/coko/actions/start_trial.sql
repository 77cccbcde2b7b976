-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user identity trial step
-- cols: outcome
-- outcomes: granted none
-- The consent says what the screen said: how long, and that nothing is debited.
select t.outcome from billing.start_trial($1::bigint, $2::bigint, 'trial: ' || $3 || ', nothing to pay, nothing charged at the end', $4, 'ussd') t
