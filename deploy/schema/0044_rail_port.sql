-- SPDX-License-Identifier: Apache-2.0
-- 0044 billing: rails that hand out a link or want a code, and what such rails make.
set local lock_timeout = '3s';

alter table billing.rail
    add column flow text not null default 'push' check (flow in ('push', 'link', 'code')),
    add column min_minor bigint not null default 1 check (min_minor > 0),
    add column repeat_wait_s int not null default 0 check (repeat_wait_s >= 0),
    add column codes int not null default 3 check (codes > 0);
comment on column billing.rail.flow is
'push: the rail asks the payer by itself. link: a submit makes an address that the payer opens, sent by SMS. code: the payer fetches a code, dials again and types it; the charge waits in CREATED for prompt_s.';
comment on column billing.rail.min_minor is 'The rail takes no less: a dearer plan or another rail is offered.';
comment on column billing.rail.repeat_wait_s is 'How long after a debit or a refusal the rail refuses the same amount from the same number: the reader is asked to wait.';
comment on column billing.rail.codes is 'Wrong codes after which a charge fails.';

alter table billing.charge
    add column rail_ref text,
    add column memo_sealed bytea,
    add column callback_mac bytea,
    add column link_sealed bytea,
    add column link_message bigint,
    add column link_expires_at timestamptz;
create index charge_rail_ref on billing.charge (rail, rail_ref) where rail_ref is not null;
comment on column billing.charge.rail_ref is 'The rail''s own id of this attempt to pay, from its answer to the submit.';
comment on column billing.charge.memo_sealed is 'What the rail''s questions need and nobody may read.';
comment on column billing.charge.callback_mac is 'Keyed hash of what a true callback brings, for rails whose callbacks carry a secret and no signature.';
comment on column billing.charge.link_sealed is 'The address where anybody may pay this charge: a bearer''s right. It stands in clear only in the message that hands it out (link_message).';

alter table billing.attempt add column our_ref uuid;
comment on column billing.attempt.our_ref is 'The reference of a submit whose charge has a newer one since; null: the charge''s.';
