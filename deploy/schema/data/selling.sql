-- SPDX-License-Identifier: Apache-2.0
-- When the end of a pass is spoken of, and the words by which rails say that the payer himself said no. Steps that an
-- operator took out or changed stay so.
insert into billing.reminder_step (days, template) values
    (-3, 'renew_due'), (-1, 'renew_due'), (0, 'renew_ended'), (1, 'renew_ended'), (3, 'renew_ended'), (7, 'renew_ended')
on conflict (days) do nothing;

insert into billing.refusal (reason) values
    ('APPROVAL_REJECTED'), ('PAYMENT_NOT_APPROVED'), ('TRANSACTION_CANCELED'), ('CANCELLED'), ('REJECTED'), ('1032')
on conflict (reason) do nothing;

-- Words about a pass. None of them may be one by which a reader somewhere means STOP.
insert into messaging.keyword (word, action, lang) values
    ('CODE', 'redeem', null), ('BON', 'redeem', 'fr'), ('COUPON', 'redeem', null), ('VOUCHER', 'redeem', 'en'), ('VALE', 'redeem', 'pt'),
    ('VOCHA', 'redeem', 'sw'), ('KODI', 'redeem', null), ('KOD', 'redeem', null),
    ('RENOUVELER', 'renew', 'fr'), ('RENEW', 'renew', 'en'), ('YEESAL', 'renew', 'wo'), ('RENOVAR', 'renew', 'pt'), ('HUISHA', 'renew', 'sw'),
    ('SABUNTA', 'renew', 'ha'),
    ('PASS', 'status', null), ('PASSE', 'status', 'pt'), ('PASI', 'status', 'sw'), ('FAS', 'status', 'ha'),
    ('RESILIER', 'cancel', 'fr'), ('NORENEW', 'cancel', 'en'), ('BULYEESAL', 'cancel', 'wo'), ('NAORENOVAR', 'cancel', 'pt'),
    ('SIHUISHI', 'cancel', 'sw'), ('KARSABUNTA', 'cancel', 'ha')
on conflict (word) do update set action = excluded.action, lang = excluded.lang;
