-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: lang
-- cols: id label
-- The languages of the menus but the present one, each in its own words.
select l.code as id, l.name as label from ops.language l where l.code <> $1 order by l.sort
