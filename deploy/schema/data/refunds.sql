-- SPDX-License-Identifier: Apache-2.0
-- What rails can give back, and the moves of a refund. APPROVED -> REFUNDING and a lapsed submit -> REFUND_UNKNOWN belong to
-- billing.claim_refunds. REFUNDED and REFUND_FAILED have no row: nothing undoes the one, and the other's money may be
-- asked for again.
update billing.rail set refunds = v.refunds, refund_takes_our_ref = v.ours
from (values ('mtn_momo', 'partial', true), ('wave', 'full', true), ('orange_sonatel', 'partial', false),
             ('airtime', 'partial', true)) v(code, refunds, ours)
where rail.code = v.code;

insert into billing.refund_transition (from_state, event, to_state) values
    ('REFUNDING', 'accepted', 'REFUNDING'), ('REFUNDING', 'duplicate', 'REFUNDING'), ('REFUNDING', 'pending', 'REFUNDING'),
    ('REFUNDING', 'sync_success', 'REFUNDED'), ('REFUNDING', 'success', 'REFUNDED'),
    ('REFUNDING', 'not_sent', 'APPROVED'), ('REFUNDING', 'unknown', 'REFUND_UNKNOWN'), ('REFUNDING', 'not_found', 'REFUND_UNKNOWN'),
    ('REFUNDING', 'mismatch', 'REFUND_UNKNOWN'),
    ('REFUNDING', 'declined', 'REFUND_FAILED'), ('REFUNDING', 'rejected', 'REFUND_FAILED'), ('REFUNDING', 'expired', 'REFUND_FAILED'),
    ('REFUND_UNKNOWN', 'accepted', 'REFUNDING'), ('REFUND_UNKNOWN', 'duplicate', 'REFUNDING'), ('REFUND_UNKNOWN', 'pending', 'REFUNDING'),
    ('REFUND_UNKNOWN', 'sync_success', 'REFUNDED'), ('REFUND_UNKNOWN', 'success', 'REFUNDED'),
    ('REFUND_UNKNOWN', 'not_sent', 'REFUND_UNKNOWN'), ('REFUND_UNKNOWN', 'unknown', 'REFUND_UNKNOWN'),
    ('REFUND_UNKNOWN', 'not_found', 'REFUND_UNKNOWN'), ('REFUND_UNKNOWN', 'mismatch', 'REFUND_UNKNOWN'),
    ('REFUND_UNKNOWN', 'rejected', 'REFUND_UNKNOWN'),
    ('REFUND_UNKNOWN', 'declined', 'REFUND_FAILED'), ('REFUND_UNKNOWN', 'expired', 'REFUND_FAILED')
on conflict (from_state, event) do update set to_state = excluded.to_state;
