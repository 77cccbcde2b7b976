-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: user lang
-- cols: id label book title state
select d.id, d.label, d.book, d.title, d.state
from messaging.my_deliveries($1::bigint, $2) d
