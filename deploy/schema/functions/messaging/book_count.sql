-- SPDX-License-Identifier: Apache-2.0
-- What became of a book's instalments, for who made it: counts, and nobody's number.

create or replace function messaging.count_deliveries() returns bigint language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_from bigint;
    v_to bigint;
begin
    select c.closed_id into v_from from messaging.book_counted c for update;
    -- No message lives for a week; one whose carrier never told stays what it is by then.
    v_to := greatest(v_from, messaging.first_since(v_now - interval '7 days'));
    insert into messaging.book_count as c (book_id, part, state, closed, messages, segments)
    select m.book_id, m.from_part, m.state, true, count(*), sum(m.segments)
    from messaging.message m
    where m.id >= v_from and m.id < v_to and m.kind = 'instalment' and m.book_id is not null and m.from_part is not null
    group by 1, 2, 3
    on conflict (book_id, part, state, closed) do update
    set messages = c.messages + excluded.messages, segments = c.segments + excluded.segments;
    delete from messaging.book_count c where not c.closed;
    insert into messaging.book_count (book_id, part, state, closed, messages, segments)
    select m.book_id, m.from_part, m.state, false, count(*), sum(m.segments)
    from messaging.message m
    where m.id >= v_to and m.kind = 'instalment' and m.book_id is not null and m.from_part is not null
    group by 1, 2, 3;
    update messaging.book_counted set closed_id = v_to, counted_at = v_now;
    return v_to;
end $$;
comment on function messaging.count_deliveries() is
'An hourly job: instalments of the last week are counted anew, older ones are added once to the closed counts, long before retention takes them. Two at once wait for each other. Walks a week of the outbox by its primary key: an index by book would be entered again at every change of a message''s state. Returns the message that the open counts begin at.';

create or replace function messaging.book_deliveries(p_slug text)
returns table (part int, state text, messages bigint, segments bigint) language sql stable as $$
    select c.part, messaging.delivery_state(c.state), sum(c.messages)::bigint, sum(c.segments)::bigint
    from catalog.book b join messaging.book_count c on c.book_id = b.id
    where b.slug = p_slug
    group by 1, 2 order by 1, 2
$$;
comment on function messaging.book_deliveries(text) is
'A book''s instalments by part and state in a reader''s words (messaging.delivery_state), since the book was first sent, as messaging.count_deliveries last saw them.';

create or replace function messaging.author_deliveries(p_user_id bigint, p_book bigint, p_part int, p_max bigint)
returns table (book_id bigint, part int, waiting bigint, on_the_way bigint, delivered bigint, partial bigint, failed bigint, cancelled bigint)
language sql stable as $$
    select x.book_id, x.part,
        coalesce(sum(x.messages) filter (where x.state = 'waiting'), 0)::bigint,
        coalesce(sum(x.messages) filter (where x.state = 'on_the_way'), 0)::bigint,
        coalesce(sum(x.messages) filter (where x.state = 'delivered'), 0)::bigint,
        coalesce(sum(x.messages) filter (where x.state = 'partial'), 0)::bigint,
        coalesce(sum(x.messages) filter (where x.state = 'failed'), 0)::bigint,
        coalesce(sum(x.messages) filter (where x.state = 'cancelled'), 0)::bigint
    from (select c.book_id, c.part, messaging.delivery_state(c.state) as state, c.messages
          from (select distinct w.book_id from catalog.author a
                cross join lateral (select ba.book_id from catalog.book_author ba where ba.author_id = a.id offset 0) w
                where a.user_id = p_user_id) mine
          join messaging.book_count c on c.book_id = mine.book_id
          where (c.book_id, c.part) > (p_book, p_part)) x
    group by x.book_id, x.part order by x.book_id, x.part limit p_max
$$;
comment on function messaging.author_deliveries(bigint, bigint, int, bigint) is
'The instalments of the books that a reader''s account wrote, a row a part after a given one: how many messages are in each state of messaging.delivery_state.';

create or replace function catalog.set_author_reader(p_operator text, p_slug text, p_reader text) returns text language plpgsql as $$
declare
    v_user bigint;
    v_author bigint;
begin
    if p_reader <> 'nobody' then
        if p_reader !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' then
            return 'no_reader';
        end if;
        select u.id into v_user from auth.users u where u.public_id = p_reader::uuid and u.status = 'active';
        if v_user is null then
            return 'no_reader';
        end if;
    end if;
    update catalog.author a set user_id = v_user where a.slug = p_slug returning a.id into v_author;
    if v_author is null then
        return 'no_author';
    end if;
    perform ops.audit_put('operator:' || p_operator, 'author.reader', 'author:' || v_author, jsonb_build_object('reader', p_reader));
    return 'set';
end $$;
comment on function catalog.set_author_reader(text, text, text) is
'`coko book author`: whose account sees an author''s figures; p_reader: the public id of a reader, or nobody. Outcome: set | no_author | no_reader. An import of a book leaves it.';
