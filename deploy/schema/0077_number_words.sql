-- SPDX-License-Identifier: Apache-2.0
-- 0077 messaging: two more words of readers: a code for a lost number, and a no to a change of number.
set local lock_timeout = '3s';

alter table messaging.keyword drop constraint keyword_action_check;
alter table messaging.keyword add constraint keyword_action_check
    check (action in ('next', 'stop', 'start', 'help', 'read', 'repeat', 'pause', 'resume', 'menu', 'redeem', 'renew', 'status', 'cancel',
                      'recovery', 'keep'));
