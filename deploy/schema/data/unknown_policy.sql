-- SPDX-License-Identifier: Apache-2.0
-- A code is worth a second message; a chapter is not: the reader would pay twice and read twice.
insert into messaging.unknown_policy (kind, action, after, max) values
    ('otp', 'resend', '20 seconds', 1),
    ('reply', 'give_up', '1 hour', 0),
    ('notice', 'give_up', '1 day', 0),
    ('receipt', 'wait', '3 days', 0),
    ('esme', 'give_up', '1 day', 0),
    ('instalment', 'wait', '3 days', 0)
on conflict (kind) do nothing;
