-- SPDX-License-Identifier: Apache-2.0
-- Who sells, where no operator has said so yet: invoices are numbered from the first sale on. Add a row of billing.seller with
-- the name, address and numbers that the law of the country asks for, before readers pay.
insert into billing.seller (country, valid_from, name)
select c.code, '2026-01-01 00:00+00', 'Coko' from ops.country c
on conflict (country, valid_from) do nothing;
