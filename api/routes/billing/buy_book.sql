-- SPDX-License-Identifier: Apache-2.0
-- $1, $2: session and reader of the token; $3: the book; $4: price of /books/{book}/price; $5: the client's own key; $6: the words she agreed to.
select c.outcome as state, c.our_ref as reference, c.amount_minor, c.currency, c.hint, c.rail
from auth.session_user($1::uuid, $2::uuid) me
join auth.session s on s.id = $1::uuid
cross join lateral billing.buy_book(me.user_id, s.identity_id, (select b.id from catalog.book b where b.public_id = $3::uuid), $4::bigint,
                                    'rest:' || me.user_id || ':' || $5, $6, 'rest') c
