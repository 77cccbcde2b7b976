-- SPDX-License-Identifier: Apache-2.0
-- What became of instalments, for their reader. For who made the book: book_count.sql.

create or replace function messaging.delivery_state(p_state text) returns text language plpgsql immutable as $$
begin
    return case p_state when 'queued' then 'waiting' when 'delivered' then 'delivered' when 'partial' then 'partial'
        when 'failed' then 'failed' when 'expired' then 'failed' when 'cancelled' then 'cancelled' else 'on_the_way' end;
end $$;
comment on function messaging.delivery_state(text) is
'A message''s state in a reader''s words: waiting | on_the_way (also: nobody knows yet) | delivered | partial | failed | cancelled.';

create or replace function messaging.deliveries(p_user_id bigint, p_before bigint, p_max bigint)
returns table (id bigint, book_id bigint, part int, segments int, arrived bigint, state text, repeated boolean, at timestamptz)
language sql stable as $$
    select d.id, d.book_id, d.from_part, d.segments,
        (select count(*) from messaging.part p where p.message_id = d.id and p.state = 'delivered'),
        messaging.delivery_state(d.state), d.repeats is not null, coalesce(d.done_at, d.sent_at, d.created_at)
    from (
        select m.* from auth.identity i
        cross join lateral (
            select * from messaging.message g
            where g.identity_id = i.id and g.user_id = p_user_id and g.kind = 'instalment' and g.id < p_before
            order by g.identity_id, g.id desc limit p_max) m
        where i.user_id = p_user_id
        order by m.id desc limit p_max) d
    order by d.id desc
$$;
comment on function messaging.deliveries(bigint, bigint, bigint) is
'The instalments of a reader on every phone of hers, the newest first, before a given one. arrived: parts that the phone has. at: the end, or when it was sent or asked for.';

create or replace function messaging.my_deliveries(p_user_id bigint, p_lang text)
returns table (id bigint, label text, book bigint, title text, state text) language plpgsql stable as $$
#variable_conflict use_column
declare
    v_zone text := coalesce((select c.time_zone from auth.users u join ops.country c on c.code = u.country where u.id = p_user_id), 'UTC');
    v_today date := (ops.now() at time zone v_zone)::date;
begin
    return query
    select d.id, messaging.render('delivery_' || d.state, p_lang, jsonb_build_object('part', d.part, 'at',
            to_char(d.at at time zone v_zone, case when (d.at at time zone v_zone)::date = v_today then 'HH24:MI' else 'DD/MM HH24:MI' end))),
        b.id, b.title, d.state
    from messaging.deliveries(p_user_id, 9223372036854775807, 12) d join catalog.book b on b.id = d.book_id
    order by d.id desc;
end $$;
comment on function messaging.my_deliveries(bigint, text) is
'The last twelve instalments as lines of a screen (texts sms.delivery_*), on the clock of the reader''s country.';
