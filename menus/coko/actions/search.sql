-- SPDX-License-Identifier: Apache-2.0
-- lane: slow
-- args: word lang
-- cols: id label
select b.id, b.label from catalog.search($1, $2, 20) b
