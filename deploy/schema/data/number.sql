-- SPDX-License-Identifier: Apache-2.0
-- Words of readers about their number: the code for the day it is lost, and no to a change of it.
insert into messaging.keyword (word, action, lang) values
    ('SECOURS', 'recovery', 'fr'), ('RECOVERY', 'recovery', 'en'), ('WALLU', 'recovery', 'wo'), ('RECUPERAR', 'recovery', 'pt'),
    ('DHARURA', 'recovery', 'sw'), ('CETO', 'recovery', 'ha'),
    ('NON', 'keep', 'fr'), ('NO', 'keep', 'en'), ('DEEDEET', 'keep', 'wo'), ('NAO', 'keep', 'pt'), ('HAPANA', 'keep', 'sw'), ('AA', 'keep', 'ha')
on conflict (word) do update set action = excluded.action, lang = excluded.lang;
