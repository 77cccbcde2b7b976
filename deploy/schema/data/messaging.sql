-- SPDX-License-Identifier: Apache-2.0
-- Keywords that readers send, and the words of carriers for the state of a part.
insert into messaging.keyword (word, action) values
    ('SUITE', 'next'), ('NEXT', 'next'), ('S', 'next'), ('N', 'next'), ('MORE', 'next'),
    ('LIRE', 'read'), ('READ', 'read'),
    ('STOP', 'stop'), ('ARRET', 'stop'), ('DESABO', 'stop'), ('ANNULER', 'stop'), ('UNSUBSCRIBE', 'stop'), ('END', 'stop'),
    ('START', 'start'), ('REPRISE', 'start'), ('UNSTOP', 'start'),
    ('REPETER', 'repeat'), ('REPEAT', 'repeat'), ('RENVOYER', 'repeat'),
    ('PAUSE', 'pause'), ('REPRENDRE', 'resume'), ('RESUME', 'resume'),
    ('MENU', 'menu'),
    ('AIDE', 'help'), ('HELP', 'help'), ('INFO', 'help')
on conflict (word) do update set action = excluded.action;

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
