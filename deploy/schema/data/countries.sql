-- SPDX-License-Identifier: Apache-2.0
-- Countries served: dialling code, length of a national number, first language, clock, money, VAT in thousandths.
insert into ops.country (code, names, dialling, national_len, lang, time_zone, currency, exponent, money_name, tva_permille) values
    ('SN', '{"fr": "Sénégal", "en": "Senegal"}', '221', 9, 'fr', 'Africa/Dakar', 'XOF', 0, 'F', 180),
    ('CI', '{"fr": "Côte d''Ivoire", "en": "Ivory Coast"}', '225', 10, 'fr', 'Africa/Abidjan', 'XOF', 0, 'F', 180),
    ('ML', '{"fr": "Mali", "en": "Mali"}', '223', 8, 'fr', 'Africa/Bamako', 'XOF', 0, 'F', 180),
    ('BF', '{"fr": "Burkina Faso", "en": "Burkina Faso"}', '226', 8, 'fr', 'Africa/Ouagadougou', 'XOF', 0, 'F', 180),
    ('BJ', '{"fr": "Bénin", "en": "Benin"}', '229', 10, 'fr', 'Africa/Porto-Novo', 'XOF', 0, 'F', 180),
    ('TG', '{"fr": "Togo", "en": "Togo"}', '228', 8, 'fr', 'Africa/Lome', 'XOF', 0, 'F', 180),
    ('GN', '{"fr": "Guinée", "en": "Guinea"}', '224', 9, 'fr', 'Africa/Conakry', 'GNF', 0, 'GNF', 180),
    ('NE', '{"fr": "Niger", "en": "Niger"}', '227', 8, 'fr', 'Africa/Niamey', 'XOF', 0, 'F', 190),
    ('CM', '{"fr": "Cameroun", "en": "Cameroon"}', '237', 9, 'fr', 'Africa/Douala', 'XAF', 0, 'F', 193),
    ('GH', '{"fr": "Ghana", "en": "Ghana"}', '233', 9, 'en', 'Africa/Accra', 'GHS', 2, 'GHS', 150),
    ('NG', '{"fr": "Nigeria", "en": "Nigeria"}', '234', 10, 'en', 'Africa/Lagos', 'NGN', 2, 'NGN', 75),
    ('KE', '{"fr": "Kenya", "en": "Kenya"}', '254', 9, 'en', 'Africa/Nairobi', 'KES', 2, 'KES', 160)
on conflict (code) do update set names = excluded.names, dialling = excluded.dialling, national_len = excluded.national_len,
    lang = excluded.lang, time_zone = excluded.time_zone, currency = excluded.currency, exponent = excluded.exponent,
    money_name = excluded.money_name, tva_permille = excluded.tva_permille;
