-- SPDX-License-Identifier: Apache-2.0
-- Keywords that readers send, each with the language it tells of a reader who writes first (words that many languages share
-- tell none), and the words of carriers for the state of a part.
insert into messaging.keyword (word, action, lang) values
    ('SUITE', 'next', 'fr'), ('LIRE', 'read', 'fr'), ('ARRET', 'stop', 'fr'), ('DESABO', 'stop', 'fr'),
    ('ANNULER', 'stop', 'fr'), ('REPRISE', 'start', 'fr'), ('REPETER', 'repeat', 'fr'), ('RENVOYER', 'repeat', 'fr'),
    ('REPRENDRE', 'resume', 'fr'), ('AIDE', 'help', 'fr'),
    ('NEXT', 'next', 'en'), ('MORE', 'next', 'en'), ('READ', 'read', 'en'), ('UNSUBSCRIBE', 'stop', 'en'),
    ('REPEAT', 'repeat', 'en'), ('RESUME', 'resume', 'en'), ('HELP', 'help', 'en'),
    ('KANAM', 'next', 'wo'), ('WEYAL', 'next', 'wo'), ('JANG', 'read', 'wo'), ('DAKKAL', 'stop', 'wo'),
    ('BAYYI', 'stop', 'wo'), ('TAMBALI', 'start', 'wo'), ('YONNEEWAAT', 'repeat', 'wo'), ('NOPPAL', 'pause', 'wo'),
    ('DELLOOSI', 'resume', 'wo'), ('NDIMBAL', 'help', 'wo'), ('DIMBALI', 'help', 'wo'),
    ('MAIS', 'next', 'pt'), ('SEGUINTE', 'next', 'pt'), ('CONTINUAR', 'next', 'pt'), ('LER', 'read', 'pt'),
    ('PARAR', 'stop', 'pt'), ('CANCELAR', 'stop', 'pt'), ('SAIR', 'stop', 'pt'), ('INICIAR', 'start', 'pt'),
    ('COMECAR', 'start', 'pt'), ('REPETIR', 'repeat', 'pt'), ('PAUSA', 'pause', 'pt'), ('RETOMAR', 'resume', 'pt'),
    ('AJUDA', 'help', 'pt'),
    ('ENDELEA', 'next', 'sw'), ('ZAIDI', 'next', 'sw'), ('SOMA', 'read', 'sw'), ('ACHA', 'stop', 'sw'),
    ('SIMAMISHA', 'stop', 'sw'), ('ONDOA', 'stop', 'sw'), ('ANZA', 'start', 'sw'), ('RUDIA', 'repeat', 'sw'),
    ('SITISHA', 'pause', 'sw'), ('RUDISHA', 'resume', 'sw'), ('MENYU', 'menu', 'sw'), ('MSAADA', 'help', 'sw'),
    ('GABA', 'next', 'ha'), ('KARANTA', 'read', 'ha'), ('DAINA', 'stop', 'ha'), ('TSAYA', 'stop', 'ha'),
    ('FARA', 'start', 'ha'), ('MAIMAITA', 'repeat', 'ha'), ('DAKATA', 'pause', 'ha'), ('DAWO', 'resume', 'ha'),
    ('TAIMAKO', 'help', 'ha'),
    ('S', 'next', null), ('N', 'next', null), ('STOP', 'stop', null), ('END', 'stop', null), ('START', 'start', null),
    ('UNSTOP', 'start', null), ('PAUSE', 'pause', null), ('MENU', 'menu', null), ('INFO', 'help', null)
on conflict (word) do update set action = excluded.action, lang = excluded.lang;

insert into messaging.receipt_word (word, state) values
    ('DELIVRD', 'delivered'), ('DELIVERED', 'delivered'), ('2', 'delivered'),
    ('UNDELIV', 'failed'), ('UNDELIVERABLE', 'failed'), ('5', 'failed'), ('REJECTD', 'failed'), ('REJECTED', 'failed'), ('8', 'failed'),
    ('DELETED', 'failed'), ('4', 'failed'), ('FAILED', 'failed'), ('SKIPPED', 'failed'), ('9', 'failed'),
    ('EXPIRED', 'expired'), ('3', 'expired'),
    ('ENROUTE', 'accepted'), ('1', 'accepted'), ('ACCEPTD', 'accepted'), ('ACCEPTED', 'accepted'), ('6', 'accepted'),
    ('UNKNOWN', 'accepted'), ('7', 'accepted'), ('SCHEDULED', 'accepted'), ('0', 'accepted'),
    ('ACKED', 'accepted'), ('BUFFRED', 'accepted'), ('BUFFERD', 'accepted')
on conflict (word) do update set state = excluded.state;

-- An operator's own code goes into a row of its country; the general one is the sandbox's and is never put back over a change.
insert into messaging.dial_code (country, code) values ('*', '*384*26#') on conflict (country) do nothing;
