-- SPDX-License-Identifier: Apache-2.0
-- The word by which who was asked into a family says yes; no is that of data/number.sql.
insert into messaging.keyword (word, action, lang) values
    ('FAMILLE', 'join', 'fr'), ('FAMILY', 'join', 'en'), ('NJABOOT', 'join', 'wo'), ('FAMILIA', 'join', null), ('IYALI', 'join', 'ha')
on conflict (word) do update set action = excluded.action, lang = excluded.lang;
