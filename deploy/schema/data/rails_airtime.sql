-- SPDX-License-Identifier: Apache-2.0
-- Operator billing: the price is taken from the payer's airtime, or stands on the bill. No route: which networks bill is a
-- matter of contracts, and rows of billing.rail_route are how an operator of this service opens them. Hints in Wolof,
-- Portuguese, Swahili and Hausa await a native reader, as menus/coko/text says of its texts.
insert into billing.rail (code, name, enabled, takes_our_ref, flow) values
    ('airtime', 'Crédit (airtime)', false, true, 'push')
on conflict (code) do update set name = excluded.name, takes_our_ref = excluded.takes_our_ref, flow = excluded.flow;

insert into billing.approval_hint (rail, country, lang, body) values
    ('airtime', '*', 'fr', 'Le prix est pris sur votre crédit ou votre facture. Un SMS le confirme.'),
    ('airtime', '*', 'en', 'The price is taken from your airtime or bill. An SMS confirms it.'),
    ('airtime', '*', 'wo', 'Njëg gi ci sa krédit walla sa fakture lañu koy jële. SMS dina ko dëggal.'),
    ('airtime', '*', 'pt', 'O preço sai do seu saldo ou da sua fatura. Um SMS confirma-o.'),
    ('airtime', '*', 'sw', 'Bei inakatwa kwenye salio au bili yako. SMS itathibitisha.'),
    ('airtime', '*', 'ha', 'Za a cire kuɗin daga katin wayarka ko bil. SMS zai tabbatar.')
on conflict (rail, country, lang) do update set body = excluded.body;
