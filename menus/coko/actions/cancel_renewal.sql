-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user identity step
-- cols: outcome
-- outcomes: cancelled already none
select c.outcome from billing.cancel_renewal($1::bigint, $2::bigint, $3, 'ussd') c
