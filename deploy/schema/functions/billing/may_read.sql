-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.may_send(p_user_id bigint, p_book_id bigint, p_part int, p_at timestamptz)
returns boolean language plpgsql stable as $$
begin
    return exists (select 1 from catalog.book b where b.id = p_book_id and p_part <= b.free_parts)
        or (billing.pass_of(p_user_id, coalesce(p_at, ops.now()))).id is not null
        or exists (select 1 from billing.book_right r where r.user_id = p_user_id and r.book_id = p_book_id);
end $$;
comment on function billing.may_send(bigint, bigint, int, timestamptz) is
'What may be sent by SMS: the first free_parts of a book are free, the rest needs a pass at that time (null = now), her own or her family''s, or the book bought alone.';

create or replace function billing.may_read(p_user_id bigint, p_book_id bigint, p_part int, p_at timestamptz)
returns boolean language plpgsql stable as $$
begin
    return billing.may_send(p_user_id, p_book_id, p_part, p_at)
        or exists (select 1 from billing.in_grace(p_user_id, coalesce(p_at, ops.now())));
end $$;
comment on function billing.may_read(bigint, bigint, int, timestamptz) is
'The one right: billing.may_send, or a pass whose grace is not over. Grace is for the screen alone: an instalment costs us a carrier''s price.';

create or replace function billing.grace_of(p_user_id bigint, p_seat int, p_at timestamptz)
returns table (plan_id bigint, ended_at timestamptz, until timestamptz) language plpgsql stable as $$
#variable_conflict use_column
begin
    return query
    select e.plan_id, e.ends_at, e.ends_at + p.grace
    from billing.entitlement e join billing.plan p on p.id = e.plan_id and p.members >= p_seat
    where e.user_id = p_user_id and e.ends_at <= p_at and e.ends_at > p_at - interval '30 days' and e.ends_at + p.grace > p_at and not e.given_back
    order by e.ends_at desc limit 1;
end $$;
comment on function billing.grace_of(bigint, int, timestamptz) is
'The pass of a reader that is over but for its grace at a moment, if its plan has this seat (0: her own place), and when that ends. No row: none.';

create or replace function billing.in_grace(p_user_id bigint, p_at timestamptz)
returns table (plan_id bigint, ended_at timestamptz, until timestamptz) language plpgsql stable as $$
#variable_conflict use_column
declare
    m billing.family_member;
begin
    return query select g.plan_id, g.ended_at, g.until from billing.grace_of(p_user_id, 0, p_at) g;
    if found then
        return;
    end if;
    select * into m from billing.family_member f where f.user_id = p_user_id and f.state = 'member';
    if m.id is not null then
        return query select g.plan_id, g.ended_at, g.until from billing.grace_of(m.host_id, m.seat, p_at) g;
    end if;
end $$;
comment on function billing.in_grace(bigint, timestamptz) is 'The same of a reader or, where she has none, of her family''s host.';
