-- SPDX-License-Identifier: Apache-2.0
-- Receipts that we owe to ESMEs: born with the end of a message, kept until the ESME has them.

create or replace function messaging.esme_ended() returns trigger language plpgsql as $$
declare
    e messaging.esme_message;
begin
    select * into e from messaging.esme_message x where x.message_id = new.id;
    if e.registered = 1 or (e.registered = 2 and new.state <> 'delivered') or (e.registered = 3 and new.state = 'delivered') then
        insert into messaging.esme_receipt (message_id, esme, state, code, parts, delivered, due_at, created_at)
        select new.id, e.esme,
            case when new.state = 'failed' and count(p.*) > 0 and bool_and(p.state = 'expired') then 'expired'
                 when new.state = 'partial' then 'failed' else new.state end,
            min(p.code) filter (where p.state in ('failed', 'expired')), greatest(new.parts, 1),
            count(*) filter (where p.state = 'delivered'), ops.now(), ops.now()
        from (select 1) one left join messaging.part p on p.message_id = new.id
        on conflict (message_id) do nothing;
    end if;
    return null;
end $$;
comment on function messaging.esme_ended() is
'Trigger: whatever ends a message of an ESME owes it the receipt that it asked for, in the same transaction.';

create or replace trigger message_esme_ended after update of state on messaging.message for each row
    when (new.kind = 'esme' and old.state <> new.state and new.state in ('delivered', 'partial', 'failed', 'cancelled', 'expired'))
    execute function messaging.esme_ended();

create or replace function messaging.esme_take(p_esme text, p_holder text, p_max int)
returns table (receipt_id bigint, message_id bigint, source text, source_kind text, number_sealed bytea, state text, code int, parts int,
               delivered int, submitted text, done text) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
begin
    return query
    with due as (
        select r.id from messaging.esme_receipt r where r.esme = p_esme and r.due_at <= v_now
        order by r.esme, r.due_at, r.id limit p_max for update skip locked
    ), taken as (
        update messaging.esme_receipt r
        set holder = p_holder, tries = least(r.tries + 1, 100), due_at = v_now + interval '3 minutes'
        from due d where r.id = d.id
        returning r.*)
    select t.id, coalesce(g.multi, t.message_id), e.source, e.source_kind, i.sealed, t.state, t.code, t.parts::int, t.delivered::int,
        to_char(m.created_at at time zone 'UTC', 'YYMMDDHH24MI'), to_char(coalesce(m.done_at, t.created_at) at time zone 'UTC', 'YYMMDDHH24MI')
    from taken t
    join messaging.esme_message e on e.message_id = t.message_id
    left join messaging.esme_multi g on g.message_id = t.message_id
    join messaging.message m on m.id = t.message_id
    join auth.identity i on i.id = m.identity_id
    order by t.created_at, t.id;
end $$;
comment on function messaging.esme_take(text, text, int) is
'At most max receipts for an ESME that has room, oldest first, under the id that it knows. Nobody else takes them for 3 minutes, longer than a bind waits for the answer.';

create or replace function messaging.esme_again(p_answer text, p_tries int, p_created_at timestamptz, p_now timestamptz) returns timestamptz
language sql immutable as $$
    select case p_answer when 'lost' then p_created_at else p_now + make_interval(secs => least(5 * 2 ^ least(p_tries - 1, 7), 600)) end
$$;
comment on function messaging.esme_again(text, int, timestamptz, timestamptz) is
'When a receipt or text that its ESME did not take is due again: after 5 s, doubling to 10 min; lost (its bind ended first): at once.';

create or replace function messaging.esme_answered(p_rows jsonb) returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_n int;
begin
    delete from messaging.esme_receipt r
    where r.id = any (array(select x.id from jsonb_to_recordset(p_rows) as x(id bigint, answer text) where x.answer = 'done'));
    get diagnostics v_n = row_count;
    update messaging.esme_receipt r
    set holder = null, due_at = messaging.esme_again(x.answer, r.tries, r.created_at, v_now)
    from jsonb_to_recordset(p_rows) as x(id bigint, answer text)
    where r.id = any (array(select y.id from jsonb_to_recordset(p_rows) as y(id bigint))) and r.id = x.id and x.answer <> 'done';
    return v_n;
end $$;
comment on function messaging.esme_answered(jsonb) is
'What became of receipts on their binds: [{id, answer}]. done: gone for good; refused, unanswered, lost: again by messaging.esme_again. Repeating it changes nothing.';

create or replace function messaging.esme_release(p_holder text) returns int language plpgsql as $$
declare
    v_n int;
begin
    update messaging.esme_receipt r set holder = null, due_at = r.created_at where r.holder = p_holder;
    get diagnostics v_n = row_count;
    update messaging.esme_text t set holder = null, due_at = t.created_at where t.holder = p_holder; -- after receipts, as their answers do
    return v_n;
end $$;
comment on function messaging.esme_release(text) is
'Called by the new owner of a listener: what the one before had on its binds, receipts and texts, is due again. The ESME may hear one twice, never not at all. Returns how many receipts.';
