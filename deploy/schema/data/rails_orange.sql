-- SPDX-License-Identifier: Apache-2.0
-- Orange Money of Sonatel. The code is fetched on Orange's own menu (its address is in the hints of rails.sql) and typed on
-- ours; who has a smartphone may open a link of the same operator instead. Orange takes no less than 10 F, whatever its
-- paper says, and fails a second debit of the same amount from the same number within a short time. Who opened a link is not
-- known here: its money goes back by hand, as that of Web Payment, which has no call for it. Whoever opens a page of Web
-- Payment may take his time over it; its reader may pay otherwise after half an hour.
insert into billing.rail (code, name, enabled, takes_our_ref, flow) values
    ('orange_qr', 'Orange Money', false, false, 'link')
on conflict (code) do update set name = excluded.name, takes_our_ref = excluded.takes_our_ref, flow = excluded.flow;

update billing.rail set min_minor = 10, repeat_wait_s = 120, prompt_s = 600, link_rail = 'orange_qr' where code = 'orange_sonatel';
update billing.rail set min_minor = 10, repeat_wait_s = 120, prompt_s = 1800, statement = 'orange_sonatel' where code = 'orange_qr';
update billing.rail set min_minor = 10, repeat_wait_s = 120, prompt_s = 1800 where code = 'orange_web';

insert into billing.approval_hint (rail, country, lang, body) values
    ('orange_qr', '*', 'fr', 'Un SMS vous donne le lien pour payer avec Orange Money.'),
    ('orange_qr', '*', 'en', 'An SMS brings you the link to pay with Orange Money.'),
    ('orange_qr', '*', 'wo', 'SMS dina la yónnee lëkkalekaay bi ngir fey ak Orange Money.'),
    ('orange_qr', '*', 'pt', 'Um SMS traz a ligação para pagar com Orange Money.'),
    ('orange_qr', '*', 'sw', 'SMS itakuletea kiungo cha kulipa kwa Orange Money.'),
    ('orange_qr', '*', 'ha', 'SMS zai kawo mahaɗin biya da Orange Money.')
on conflict (rail, country, lang) do update set body = excluded.body;
