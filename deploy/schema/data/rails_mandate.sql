-- SPDX-License-Identifier: Apache-2.0
-- Renewal by pre-approval: where, the ladder of its tries, and the moves of a mandate. WANTED -> ASKING, a lapsed ask -> UNKNOWN
-- and what waited too long belong to billing.claim_mandates; ACTIVE and SLEEPING to billing.run_renewals; ENDING to
-- billing.mandate_end. What an operator turned on or changed stays so.
insert into billing.auto_debit (country, rail) values
    ('CI', 'mtn_momo'), ('BJ', 'mtn_momo'), ('GN', 'mtn_momo'), ('CM', 'mtn_momo'), ('GH', 'mtn_momo')
on conflict (country, rail) do nothing;

insert into billing.mandate_retry (failures, after_days)
select * from (values (1, 1), (2, 3), (3, 7)) v(failures, after_days)
where not exists (select 1 from billing.mandate_retry);

insert into billing.mandate_refusal (reason) values
    ('APPROVAL_REJECTED'), ('PAYMENT_NOT_APPROVED'), ('TRANSACTION_CANCELED'), ('PAYER_NOT_FOUND'), ('SENDER_ACCOUNT_NOT_ACTIVE')
on conflict (reason) do nothing;

insert into billing.mandate_transition (from_state, event, to_state) values
    ('ASKING', 'accepted', 'ASKED'), ('ASKING', 'duplicate', 'ASKED'), ('ASKING', 'pending', 'ASKED'),
    ('ASKING', 'not_sent', 'WANTED'), ('ASKING', 'unknown', 'UNKNOWN'), ('ASKING', 'declined', 'REFUSED'), ('ASKING', 'rejected', 'REFUSED'),
    ('ASKED', 'pending', 'ASKED'), ('ASKED', 'unknown', 'ASKED'), ('ASKED', 'not_found', 'ASKED'),
    ('ASKED', 'success', 'ACTIVE'), ('ASKED', 'declined', 'REFUSED'), ('ASKED', 'expired', 'REFUSED'),
    ('UNKNOWN', 'pending', 'ASKED'), ('UNKNOWN', 'unknown', 'UNKNOWN'), ('UNKNOWN', 'not_found', 'UNKNOWN'),
    ('UNKNOWN', 'success', 'ACTIVE'), ('UNKNOWN', 'declined', 'REFUSED'), ('UNKNOWN', 'expired', 'REFUSED'),
    ('ENDING', 'success', 'ENDED'), ('ENDING', 'not_found', 'ENDED'), ('ENDING', 'accepted', 'ENDING'), ('ENDING', 'pending', 'ENDING'),
    ('ENDING', 'declined', 'ENDING'), ('ENDING', 'rejected', 'ENDING'), ('ENDING', 'expired', 'ENDING'), ('ENDING', 'unknown', 'ENDING'),
    ('ENDING', 'not_sent', 'ENDING')
on conflict (from_state, event) do update set to_state = excluded.to_state;
