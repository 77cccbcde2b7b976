-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user lang
-- cols: id label mark
-- The numbers of her family by their last digits; a question mark after who has not answered yet.
select f.member_id as id, '..' || f.mark || case f.state when 'invited' then ' ?' else '' end as label, f.mark
from billing.family_list($1::bigint, $2) f
where f.role = 'host'
