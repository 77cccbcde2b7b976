-- SPDX-License-Identifier: Apache-2.0
-- The authors' part where no operator has agreed on another: half of the passes by what is read, 70 % of a book sold alone;
-- and what rails keep of a debit, where no contract of theirs says otherwise.
insert into billing.royalty_rule (country, valid_from, pool_permille, sale_permille)
select c.code, '2026-01-01 00:00+00', 500, 700 from ops.country c
on conflict (country, valid_from) do nothing;

update billing.rail set fee_permille = v.fee
from (values ('orange_sonatel', 20), ('orange_qr', 20), ('orange_web', 20), ('mtn_momo', 25), ('wave', 10)) v(code, fee)
where rail.code = v.code and rail.fee_permille = 0;
