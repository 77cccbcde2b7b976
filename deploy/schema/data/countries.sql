-- SPDX-License-Identifier: Apache-2.0
-- Languages of the menus, in the order of flow.json.
insert into ops.language (code, name, falls_to, sort) values
    ('fr', 'Français', null, 1),
    ('en', 'English', 'fr', 2),
    ('wo', 'Wolof', 'fr', 3),
    ('pt', 'Português', 'en', 4),
    ('sw', 'Kiswahili', 'en', 5),
    ('ha', 'Hausa', 'en', 6)
on conflict (code) do update set name = excluded.name, falls_to = excluded.falls_to, sort = excluded.sort;

-- Countries served: dialling code, length of a national number, clock, money, VAT in thousandths, and two languages: the
-- one a first dial is answered in, and the one that its screen offers by one key. The first is the language of schools and
-- offices, which more readers of print can read than any other; Swahili is that in Kenya and Tanzania. The second is the
-- most spoken that we have (Wolof in Senegal, Hausa in Niger and Nigeria), else the other language of the region's books.
insert into ops.country (code, names, dialling, national_len, lang, second_lang, time_zone, currency, exponent, money_name, tva_permille) values
    ('SN', '{"fr": "Sénégal", "en": "Senegal"}', '221', 9, 'fr', 'wo', 'Africa/Dakar', 'XOF', 0, 'F', 180),
    ('CI', '{"fr": "Côte d''Ivoire", "en": "Ivory Coast"}', '225', 10, 'fr', 'en', 'Africa/Abidjan', 'XOF', 0, 'F', 180),
    ('ML', '{"fr": "Mali", "en": "Mali"}', '223', 8, 'fr', 'en', 'Africa/Bamako', 'XOF', 0, 'F', 180),
    ('BF', '{"fr": "Burkina Faso", "en": "Burkina Faso"}', '226', 8, 'fr', 'en', 'Africa/Ouagadougou', 'XOF', 0, 'F', 180),
    ('BJ', '{"fr": "Bénin", "en": "Benin"}', '229', 10, 'fr', 'en', 'Africa/Porto-Novo', 'XOF', 0, 'F', 180),
    ('TG', '{"fr": "Togo", "en": "Togo"}', '228', 8, 'fr', 'en', 'Africa/Lome', 'XOF', 0, 'F', 180),
    ('GN', '{"fr": "Guinée", "en": "Guinea"}', '224', 9, 'fr', 'en', 'Africa/Conakry', 'GNF', 0, 'GNF', 180),
    ('NE', '{"fr": "Niger", "en": "Niger"}', '227', 8, 'fr', 'ha', 'Africa/Niamey', 'XOF', 0, 'F', 190),
    ('CM', '{"fr": "Cameroun", "en": "Cameroon"}', '237', 9, 'fr', 'en', 'Africa/Douala', 'XAF', 0, 'F', 193),
    ('GH', '{"fr": "Ghana", "en": "Ghana"}', '233', 9, 'en', 'fr', 'Africa/Accra', 'GHS', 2, 'GHS', 150),
    ('NG', '{"fr": "Nigeria", "en": "Nigeria"}', '234', 10, 'en', 'ha', 'Africa/Lagos', 'NGN', 2, 'NGN', 75),
    ('KE', '{"fr": "Kenya", "en": "Kenya"}', '254', 9, 'sw', 'en', 'Africa/Nairobi', 'KES', 2, 'KES', 160),
    ('TZ', '{"fr": "Tanzanie", "en": "Tanzania"}', '255', 9, 'sw', 'en', 'Africa/Dar_es_Salaam', 'TZS', 2, 'TSh', 180),
    ('UG', '{"fr": "Ouganda", "en": "Uganda"}', '256', 9, 'en', 'sw', 'Africa/Kampala', 'UGX', 0, 'USh', 180),
    ('MZ', '{"fr": "Mozambique", "en": "Mozambique"}', '258', 9, 'pt', 'en', 'Africa/Maputo', 'MZN', 2, 'MT', 160),
    ('AO', '{"fr": "Angola", "en": "Angola"}', '244', 9, 'pt', 'fr', 'Africa/Luanda', 'AOA', 2, 'Kz', 140),
    ('GW', '{"fr": "Guinée-Bissau", "en": "Guinea-Bissau"}', '245', 9, 'pt', 'fr', 'Africa/Bissau', 'XOF', 0, 'F', 190)
on conflict (code) do update set names = excluded.names, dialling = excluded.dialling, national_len = excluded.national_len,
    lang = excluded.lang, second_lang = excluded.second_lang, time_zone = excluded.time_zone, currency = excluded.currency, exponent = excluded.exponent,
    money_name = excluded.money_name, tva_permille = excluded.tva_permille;
