-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user lang
-- cols: trial
-- How long the trial is that this reader may still have; '' when she may not.
select coalesce((select o.period from billing.trial_offer($1::bigint, $2) o), '') as trial
