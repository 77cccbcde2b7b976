-- SPDX-License-Identifier: Apache-2.0
-- Keywords that readers send, and the words of carriers for the state of a part.
insert into messaging.keyword (word, action) values
    ('SUITE', 'next'), ('NEXT', 'next'), ('S', 'next'), ('N', 'next'), ('MORE', 'next'),
    ('LIRE', 'read'), ('READ', 'read'),
    ('STOP', 'stop'), ('ARRET', 'stop'), ('DESABO', 'stop'), ('ANNULER', 'stop'), ('UNSUBSCRIBE', 'stop'), ('END', 'stop'),
    ('START', 'start'), ('REPRISE', 'start'), ('UNSTOP', 'start'),
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
