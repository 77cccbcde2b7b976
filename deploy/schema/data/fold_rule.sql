-- SPDX-License-Identifier: Apache-2.0
-- How instalments are written unless a book says otherwise; an operator's own row is never put back.
insert into messaging.fold_rule (lang, rule) values ('*', 'cheap') on conflict (lang) do nothing;
