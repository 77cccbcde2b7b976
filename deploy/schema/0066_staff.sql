-- SPDX-License-Identifier: Apache-2.0
-- 0066 auth, billing: persons who decide about money and prove who they are; what they did by hand; how a charge came to its state.
set local lock_timeout = '3s';

insert into auth.role (code) values ('treasurer');
comment on table auth.role is 'reader, author, publisher, moderator, admin, treasurer (decides about money).';

create table auth.staff (
    user_id   bigint primary key references auth.users,
    name      text not null unique check (name ~ '^[a-z][a-z0-9._-]{1,31}$'),
    key_mac   bytea not null unique check (octet_length(key_mac) = 32),
    joined_at timestamptz not null,
    active_at timestamptz,
    closed_at timestamptz,
    closed_by text check (closed_by <> ''),
    check ((closed_at is null) = (closed_by is null))
);
comment on table auth.staff is
'Persons of the house who decide in their own name. key_mac: keyed hash of the one secret that only that person was shown (S5). A name is given once; who loses the key is closed and joins under another name.';

create table auth.staff_vouch (
    user_id bigint not null references auth.staff,
    by_user bigint not null references auth.staff,
    at      timestamptz not null,
    primary key (user_id, by_user),
    check (by_user <> user_id)
);
create index staff_vouch_by on auth.staff_vouch (by_user);
comment on table auth.staff_vouch is 'Who said that a person who joined is who the name says. Two of them make the person active.';

alter table billing.refund
    add column by_hand boolean not null default false,
    add column made_by text check (made_by <> ''),
    add constraint refund_made check (made_by is null or (by_hand and state in ('REFUNDED', 'REFUND_FAILED'))),
    add constraint refund_hand_made check (not by_hand or state not in ('REFUNDED', 'REFUND_FAILED') or made_by is not null),
    add constraint refund_hand_sends_nothing check (not by_hand or (due_at is null and attempts = 0));
comment on column billing.refund.by_hand is
'A person makes it at the rail''s back office once two have agreed, and says so (made_by, rail_txn); no byte of it leaves here.';

create table billing.charge_change (
    charge_id  bigint not null references billing.charge,
    id         bigint generated always as identity,
    at         timestamptz not null,
    from_state text not null,
    to_state   text not null,
    settlement text,
    superseded boolean not null,
    reason     text,
    by_owner   text,
    primary key (charge_id, id)
);
comment on table billing.charge_change is 'Each step of a charge as it was committed: what `coko charges show` tells. Append-only.';

create function billing.charge_changed() returns trigger language plpgsql as $$
begin
    insert into billing.charge_change (charge_id, at, from_state, to_state, settlement, superseded, reason, by_owner)
    values (new.id, ops.now(), old.state, new.state, new.settlement, new.superseded, new.reason, coalesce(new.claimed_by, old.claimed_by));
    return null;
end $$;
comment on function billing.charge_changed() is 'Writes billing.charge_change, in the transaction of the step.';
create trigger charge_changed after update on billing.charge for each row
    when (old.state <> new.state or old.settlement is distinct from new.settlement or old.superseded <> new.superseded)
    execute function billing.charge_changed();
create trigger charge_change_append_only before update or delete on billing.charge_change
    for each row execute function ops.refuse_change();
create trigger charge_change_no_truncate before truncate on billing.charge_change
    for each statement execute function ops.refuse_change();
