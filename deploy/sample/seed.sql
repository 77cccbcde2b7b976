-- SPDX-License-Identifier: Apache-2.0
-- What the demo and the tests sell and where they send: loaded after coko migrate; safe to load again.
begin;

insert into billing.plan (code, names, period_names, period_unit, renew_before, segments, seg_day, seg_month, sort) values
    ('day', '{"fr": "Pass jour", "en": "Day pass", "wo": "Pass bis", "pt": "Passe dia", "sw": "Pasi ya siku", "ha": "Fas na rana"}',
     '{"fr": "1 jour", "en": "1 day", "wo": "benn bis", "pt": "1 dia", "sw": "siku 1", "ha": "kwana 1"}', 'day', '2 hours', 5, 30, 300, 1),
    ('week', '{"fr": "Pass semaine", "en": "Week pass", "wo": "Pass ayu-bis", "pt": "Passe semana", "sw": "Pasi ya wiki", "ha": "Fas na mako"}',
     '{"fr": "7 jours", "en": "7 days", "wo": "7 fan", "pt": "7 dias", "sw": "siku 7", "ha": "kwana 7"}', 'week', '1 day', 5, 30, 300, 2),
    ('month', '{"fr": "Pass mois", "en": "Month pass", "wo": "Pass weer", "pt": "Passe mês", "sw": "Pasi ya mwezi", "ha": "Fas na wata"}',
     '{"fr": "1 mois", "en": "1 month", "wo": "benn weer", "pt": "1 mês", "sw": "mwezi 1", "ha": "wata 1"}', 'month', '3 days', 5, 40, 600, 3)
on conflict (code) do update set names = excluded.names, period_names = excluded.period_names, sort = excluded.sort;

-- Not every reader is offered these: students whom somebody named, a number's first days, one book for ever.
insert into billing.plan (code, names, period_names, period_unit, period_count, renew_before, segments, seg_day, seg_month, sort, kind, audience) values
    ('student', '{"fr": "Pass étudiant", "en": "Student pass", "wo": "Pass ndongo", "pt": "Passe estudante", "sw": "Pasi mwanafunzi", "ha": "Fas na ɗalibi"}',
     '{"fr": "1 mois", "en": "1 month", "wo": "benn weer", "pt": "1 mês", "sw": "mwezi 1", "ha": "wata 1"}', 'month', 1, '3 days', 5, 40, 600, 4, 'pass', 'student'),
    ('trial', '{"fr": "Essai", "en": "Trial", "wo": "Nattu", "pt": "Experiência", "sw": "Jaribio", "ha": "Gwaji"}',
     '{"fr": "3 jours", "en": "3 days", "wo": "3 fan", "pt": "3 dias", "sw": "siku 3", "ha": "kwana 3"}', 'day', 3, '0', 5, 15, 60, 5, 'trial', 'all'),
    ('book', '{"fr": "Livre seul", "en": "One book", "wo": "Benn téere", "pt": "Um livro", "sw": "Kitabu kimoja", "ha": "Littafi ɗaya"}',
     '{"fr": "pour toujours", "en": "for ever", "wo": "ba fàww", "pt": "para sempre", "sw": "milele", "ha": "har abada"}', 'year', 1, '0', 5, 20, 200, 6, 'book', 'all')
on conflict (code) do update set names = excluded.names, period_names = excluded.period_names, sort = excluded.sort;
-- Five read under one pass, each with the allowance; it takes over what is left of a lesser one.
insert into billing.plan (code, names, period_names, period_unit, renew_before, segments, seg_day, seg_month, sort, level, members) values
    ('family', '{"fr": "Pass famille", "en": "Family pass", "wo": "Pass njaboot", "pt": "Passe família", "sw": "Pasi ya familia", "ha": "Fas na iyali"}',
     '{"fr": "1 mois, à 5", "en": "1 month, for 5", "wo": "weer, 5 nit", "pt": "1 mês, para 5", "sw": "mwezi 1, wa 5", "ha": "wata 1, su 5"}',
     'month', '3 days', 5, 40, 400, 4, 2, 4)
on conflict (code) do update set names = excluded.names, period_names = excluded.period_names, sort = excluded.sort;
update billing.plan set grace = '3 days' where code in ('month', 'student', 'family') and grace = '0';

insert into billing.price (plan_id, country, amount_minor, currency, valid_from)
select p.id, c.code, a.amount, 'XOF', '2026-01-01 00:00+00'
from (values ('day', 100), ('week', 500), ('month', 1500), ('family', 4000), ('student', 1000), ('trial', 0), ('book', 300)) a(code, amount)
join billing.plan p on p.code = a.code
cross join (values ('SN'), ('CI'), ('BJ')) c(code)
on conflict (plan_id, country, valid_from) do nothing;

-- Ghana pays in pesewas: 1.50, 6.00 and 18.00 cedis for the passes of one.
insert into billing.price (plan_id, country, amount_minor, currency, valid_from)
select p.id, 'GH', a.amount, 'GHS', '2026-01-01 00:00+00'
from (values ('day', 150), ('week', 600), ('month', 1800), ('family', 4800), ('student', 1200), ('trial', 0), ('book', 400)) a(code, amount)
join billing.plan p on p.code = a.code
on conflict (plan_id, country, valid_from) do nothing;

-- In the lab every network may be paid through MTN, after the rails that it really has.
insert into billing.rail_route (country, network, rail, prio) values
    ('SN', '*', 'mtn_momo', 90), ('CI', '*', 'mtn_momo', 90), ('BJ', '*', 'mtn_momo', 90)
on conflict (country, network, rail) do nothing;

update billing.rail set lab = true where code = 'mtn_momo';
update billing.rail set lab = true, enabled = true where code in ('wave', 'orange_sonatel', 'orange_qr');

insert into messaging.account (name) values ('lab') on conflict (name) do nothing;
insert into messaging.route (country, network, account, prio) values ('*', '*', 'lab', 100)
on conflict (country, network, account) do nothing;

-- What readers dial, and the sender id that the lab's contract gives in Ghana.
insert into messaging.dial_code (country, code) values ('SN', '*384*26#'), ('CI', '*384*26#'), ('BJ', '*384*26#'), ('GH', '*384*26#')
on conflict (country) do nothing;
insert into messaging.sender (account, country, kind, sender, two_way) values ('lab', 'GH', 'short_code', '2626', true)
on conflict (account, country) do nothing;

-- What the lab asks for a segment, in millionths of a euro.
insert into messaging.route_cost (account, country, network, currency, cost, valid_from) values
    ('lab', '*', '*', 'EUR', 2500, '2026-01-01 00:00+00'), ('lab', 'CI', 'mtn', 'EUR', 2000, '2026-01-01 00:00+00')
on conflict (account, country, network, valid_from) do nothing;

-- The shelves of categories.json, named before the first book stands on them.
insert into catalog.category (slug, names, sort) values
    ('roman', '{"fr": "Romans", "en": "Novels", "wo": "Nettali", "pt": "Romances", "sw": "Riwaya", "ha": "Labarai"}', 1),
    ('polar', '{"fr": "Polars", "en": "Detective", "wo": "Lëñbët", "pt": "Policiais", "sw": "Upelelezi", "ha": "Bincike"}', 2),
    ('amour', '{"fr": "Amour", "en": "Love", "wo": "Mbëggeel", "pt": "Amor", "sw": "Mapenzi", "ha": "Soyayya"}', 3),
    ('conte', '{"fr": "Contes", "en": "Tales", "wo": "Léeb", "pt": "Contos", "sw": "Ngano", "ha": "Tatsuniyoyi"}', 4),
    ('jeunesse', '{"fr": "Jeunesse", "en": "Young readers", "wo": "Ndaw ñi", "pt": "Juventude", "sw": "Vijana", "ha": "Matasa"}', 5),
    ('sport', '{"fr": "Sport", "en": "Sport", "wo": "Tàggat-yaram", "pt": "Desporto", "sw": "Michezo", "ha": "Wasanni"}', 6),
    ('histoire', '{"fr": "Histoire", "en": "History", "wo": "Taarix", "pt": "História", "sw": "Historia", "ha": "Tarihi"}', 7),
    ('sciences', '{"fr": "Sciences", "en": "Science", "wo": "Xam-xam", "pt": "Ciências", "sw": "Sayansi", "ha": "Kimiyya"}', 8),
    ('humour', '{"fr": "Humour", "en": "Humour", "wo": "Kaf", "pt": "Humor", "sw": "Vichekesho", "ha": "Barkwanci"}', 9),
    ('vie-quotidienne', '{"fr": "Vie quotidienne", "en": "Daily life", "wo": "Dundu bis bu nekk", "pt": "Dia a dia", "sw": "Maisha ya kila siku", "ha": "Rayuwar yau da kullum"}', 10)
on conflict (slug) do update set names = excluded.names, sort = excluded.sort;

-- The demo and the tests write at any hour of the day. Leave this out of a copy of this file for real readers.
delete from messaging.quiet_hours;
commit;
