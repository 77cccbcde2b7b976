-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user identity plan price step consent test
-- cols: outcome hint
-- outcomes: created active already price_changed none
-- The consent is the very screen the reader accepted. A carrier's own trial meets no rail.
select a.outcome, coalesce(a.hint, '') as hint
from (select 1 where coalesce($7, '') = '') for_real,
     lateral billing.auto_ask($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5, $6, 'ussd') a
union all
select 'none', '' where coalesce($7, '') <> ''
