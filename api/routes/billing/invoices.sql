-- SPDX-License-Identifier: Apache-2.0
-- Papers of what the reader paid, the newest first. $1, $2: session and reader of the token; $3: the last row shown; $4: rows.
-- No row at all: the session has ended.
select i.number, i.kind, i.of_number, i.issued_at, i.label, i.seller, i.ht_minor, i.tva_minor, i.ttc_minor, i.tva_permille, i.credit_minor,
    i.currency, i.reference, i.key_id
from auth.session_user($1::uuid, $2::uuid) me
left join lateral billing.my_invoices(me.user_id, $3::bigint, $4::bigint) i on true
order by i.key_id desc
