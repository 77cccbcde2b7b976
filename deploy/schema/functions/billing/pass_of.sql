-- SPDX-License-Identifier: Apache-2.0
-- Under which pass a reader reads. Hot: each statement is a lookup of one table, on an empty database too, where a join may be
-- planned as a walk.

create or replace function billing.family_pass(p_host_id bigint, p_seat int, p_at timestamptz) returns billing.entitlement language plpgsql stable as $$
declare
    e billing.entitlement;
begin
    select * into e from billing.entitlement x where x.user_id = p_host_id and x.ends_at > p_at and x.starts_at <= p_at limit 1;
    if e.id is not null and not exists (select 1 from billing.plan p where p.id = e.plan_id and p.members >= p_seat) then
        return null;
    end if;
    return e;
end $$;
comment on function billing.family_pass(bigint, int, timestamptz) is
'The pass of a host that runs at a moment, if its plan has this seat (1: if it is a family''s at all); null: none. What ends it (its end, a refund, another plan) ends what others have of it, without a write.';

create or replace function billing.pass_of(p_user_id bigint, p_at timestamptz) returns billing.entitlement language plpgsql stable as $$
declare
    e billing.entitlement;
    m billing.family_member;
begin
    select * into e from billing.entitlement x where x.user_id = p_user_id and x.ends_at > p_at and x.starts_at <= p_at limit 1;
    if e.id is not null then
        return e;
    end if;
    select * into m from billing.family_member f where f.user_id = p_user_id and f.state = 'member';
    if m.id is null then
        return null;
    end if;
    return billing.family_pass(m.host_id, m.seat, p_at);
end $$;
comment on function billing.pass_of(bigint, timestamptz) is
'The pass under which a reader reads at a moment: her own, else that of her family''s host (its user_id is not hers then); null: none.';

create or replace function billing.pass_until(p_user_id bigint, p_at timestamptz) returns timestamptz language plpgsql stable as $$
declare
    v_until timestamptz := (select max(e.ends_at) from billing.entitlement e where e.user_id = p_user_id and e.ends_at > p_at);
    e billing.entitlement;
begin
    if v_until is null then
        e := billing.pass_of(p_user_id, p_at);
    end if;
    return coalesce(v_until, e.ends_at);
end $$;
comment on function billing.pass_until(bigint, timestamptz) is
'The end of all passes that a reader has, else of the one that her family''s host has now; null: none.';
