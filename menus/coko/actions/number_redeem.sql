-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: identity paper_code:code step
-- cols: outcome user lang lang2 lang2_name continue_title pass_until
-- outcomes: ok unknown limited same open own abroad
-- Whoever this number is from now on, the rest of the dialogue is hers.
select r.outcome, r.user_id as "user", r.lang, coalesce(o.code, '') as lang2, coalesce(o.name, '') as lang2_name, r.continue_title,
       coalesce(r.pass_until::text, '') as pass_until
from auth.number_redeem($1::bigint, $2::bytea[], $3) r
left join lateral ops.other_language(r.country, r.lang) o on true
