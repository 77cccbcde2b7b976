-- SPDX-License-Identifier: Apache-2.0
-- Rails, who they serve, and what a payer must do to approve. A rail is offered only when enabled. Hints in Wolof, Portuguese,
-- Swahili and Hausa await a native reader, as menus/coko/text says of its texts.
insert into billing.rail (code, name, enabled, takes_our_ref, flow) values
    ('mtn_momo', 'MTN MoMo', true, true, 'push'),
    ('orange_sonatel', 'Orange Money', false, false, 'code'),
    ('orange_web', 'Orange Money Web', false, false, 'link'),
    ('wave', 'Wave', false, false, 'link'),
    ('mpesa', 'M-Pesa', false, false, 'push')
on conflict (code) do update set name = excluded.name, takes_our_ref = excluded.takes_our_ref, flow = excluded.flow;

insert into billing.rail_route (country, network, rail, prio) values
    ('CI', 'mtn', 'mtn_momo', 10), ('BJ', 'mtn', 'mtn_momo', 10), ('GN', 'mtn', 'mtn_momo', 10), ('CM', 'mtn', 'mtn_momo', 10),
    ('GH', 'mtn', 'mtn_momo', 10), ('NG', 'mtn', 'mtn_momo', 10),
    ('SN', 'orange', 'orange_sonatel', 10), ('CI', 'orange', 'orange_web', 10), ('ML', 'orange', 'orange_web', 10),
    ('BF', 'orange', 'orange_web', 10), ('GN', 'orange', 'orange_web', 10), ('CM', 'orange', 'orange_web', 10),
    ('SN', '*', 'wave', 50), ('CI', '*', 'wave', 50), ('ML', '*', 'wave', 50), ('BF', '*', 'wave', 50),
    ('KE', 'safaricom', 'mpesa', 10)
on conflict (country, network, rail) do update set prio = excluded.prio;

insert into billing.approval_hint (rail, country, lang, body) values
    ('mtn_momo', '*', 'fr', 'Une demande MTN MoMo arrive. Tapez votre code secret pour accepter.'),
    ('mtn_momo', '*', 'en', 'An MTN MoMo request is coming. Enter your PIN to approve.'),
    ('mtn_momo', '*', 'wo', 'Laajtu MTN MoMo dina ñëw. Bindal sa kodu kumpa ngir nangu ko.'),
    ('mtn_momo', '*', 'pt', 'Vai chegar um pedido MTN MoMo. Marque o seu PIN para aceitar.'),
    ('mtn_momo', '*', 'sw', 'Ombi la MTN MoMo linakuja. Weka PIN yako ili kukubali.'),
    ('mtn_momo', '*', 'ha', 'Buƙatar MTN MoMo tana zuwa. Sa PIN ɗinka domin amincewa.'),
    ('mtn_momo', 'CI', 'fr', 'Une demande MTN MoMo arrive. Si rien ne vient, composez *133# puis Mes approbations.'),
    ('mtn_momo', 'CI', 'en', 'An MTN MoMo request is coming. If not, dial *133# then My approvals.'),
    ('mtn_momo', 'BJ', 'fr', 'Une demande MTN MoMo arrive. Si rien ne vient, composez *880# puis Mes approbations.'),
    ('mtn_momo', 'BJ', 'en', 'An MTN MoMo request is coming. If not, dial *880# then My approvals.'),
    ('mtn_momo', 'GH', 'en', 'An MTN MoMo request is coming. If not, dial *170#, My Wallet, My Approvals.'),
    ('mtn_momo', 'CM', 'fr', 'Une demande MTN MoMo arrive. Si rien ne vient, composez *126# pour confirmer.'),
    ('mtn_momo', 'CM', 'en', 'An MTN MoMo request is coming. If not, dial *126# to approve.'),
    ('orange_sonatel', '*', 'fr', 'Composez #144#391# pour recevoir un code, puis rappelez Coko.'),
    ('orange_sonatel', '*', 'en', 'Dial #144#391# to get a code, then dial Coko again.'),
    ('orange_sonatel', '*', 'wo', 'Wool #144#391# ngir jot kod, ginnaaw ga nga woowaat Coko.'),
    ('orange_sonatel', '*', 'pt', 'Marque #144#391# para receber um código, depois marque o Coko.'),
    ('orange_sonatel', '*', 'sw', 'Piga #144#391# kupata msimbo, kisha piga Coko tena.'),
    ('orange_sonatel', '*', 'ha', 'Buga #144#391# domin samun kod, sannan ka sake buga Coko.'),
    ('orange_web', '*', 'fr', 'Un SMS vous donne le lien pour payer avec Orange Money.'),
    ('orange_web', '*', 'en', 'An SMS brings you the link to pay with Orange Money.'),
    ('orange_web', '*', 'wo', 'SMS dina la yónnee lëkkalekaay bi ngir fey ak Orange Money.'),
    ('orange_web', '*', 'pt', 'Um SMS traz a ligação para pagar com Orange Money.'),
    ('orange_web', '*', 'sw', 'SMS itakuletea kiungo cha kulipa kwa Orange Money.'),
    ('orange_web', '*', 'ha', 'SMS zai kawo mahaɗin biya da Orange Money.'),
    ('wave', '*', 'fr', 'Un SMS vous donne le lien Wave. Un proche peut aussi payer.'),
    ('wave', '*', 'wo', 'SMS dina la yónnee lëkkalekaayu Wave. Sa mbokk mën na fey itam.'),
    ('wave', '*', 'pt', 'Um SMS traz a ligação da Wave. Um familiar também pode pagar.'),
    ('wave', '*', 'sw', 'SMS itakuletea kiungo cha Wave. Ndugu pia anaweza kulipa.'),
    ('wave', '*', 'ha', 'SMS zai kawo mahaɗin Wave. Ɗan uwa ma zai iya biya.'),
    ('wave', '*', 'en', 'An SMS brings you the Wave link. A relative may pay too.'),
    ('mpesa', '*', 'fr', 'Une demande M-Pesa arrive. Tapez votre code secret pour accepter.'),
    ('mpesa', '*', 'en', 'An M-Pesa request is coming. Enter your PIN to approve.'),
    ('mpesa', '*', 'wo', 'Laajtu M-Pesa dina ñëw. Bindal sa kodu kumpa ngir nangu ko.'),
    ('mpesa', '*', 'pt', 'Vai chegar um pedido M-Pesa. Marque o seu PIN para aceitar.'),
    ('mpesa', '*', 'sw', 'Ombi la M-Pesa linakuja. Weka PIN yako ili kukubali.'),
    ('mpesa', '*', 'ha', 'Buƙatar M-Pesa tana zuwa. Sa PIN ɗinka domin amincewa.')
on conflict (rail, country, lang) do update set body = excluded.body;

-- Readers without a pass: free parts by SMS, within this allowance. Never on sale.
insert into billing.plan (code, names, period_unit, on_sale, segments, seg_day, seg_month, sort) values
    ('free', '{"fr": "Gratuit", "en": "Free", "wo": "Amul fey", "pt": "Grátis", "sw": "Bure", "ha": "Kyauta"}', 'day', false, 5, 15, 60, 0)
on conflict (code) do nothing;
