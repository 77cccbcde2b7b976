-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: lang
-- cols: id label
select c.id, c.label from catalog.categories($1) c
