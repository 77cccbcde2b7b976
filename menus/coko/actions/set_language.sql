-- SPDX-License-Identifier: Apache-2.0
-- lane: write
-- args: user want
-- cols: outcome lang lang2 lang2_name
-- outcomes: ok unknown
select r.outcome, r.lang, coalesce(o.code, '') as lang2, coalesce(o.name, '') as lang2_name
from auth.set_language($1::bigint, $2) r
left join auth.users u on u.id = $1::bigint
left join lateral ops.other_language(u.country, r.lang) o on true
