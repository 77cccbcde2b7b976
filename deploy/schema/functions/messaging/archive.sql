-- SPDX-License-Identifier: Apache-2.0
-- Retention by partition: the outbox is emptied in small batches, its archive is dropped a month at a time.

create or replace function messaging.archive_put(p_ids bigint[]) returns int language plpgsql as $$
declare
    v_n int;
begin
    delete from messaging.part p where p.message_id = any (p_ids);
    with gone as (delete from messaging.message m where m.id = any (p_ids) returning m.*)
    insert into messaging.archive (message_id, created_at, account, kind, state, lang, book_id, part, segments, parts, tries, sent_at, done_at)
    select g.id, g.created_at, g.account, g.kind, g.state, g.lang, g.book_id, g.from_part, g.segments, g.parts, g.tries, g.sent_at, g.done_at
    from gone g;
    get diagnostics v_n = row_count;
    return v_n;
end $$;
comment on function messaging.archive_put(bigint[]) is
'Messages that are over leave the outbox with their parts; what is left of them has no reader, number or text. One transaction: a message is in one place. Returns how many.';

create or replace function messaging.archive_months(p_keep int) returns int language plpgsql as $$
declare
    v_now date := date_trunc('month', ops.now())::date;
    v_n int := 0;
begin
    perform set_config('lock_timeout', '2s', true);
    -- Rows come here 90 days old: their months lie behind.
    for i in 0 .. 4 loop
        v_n := v_n + ops.partition_make('messaging.archive', 'created_at', (v_now - make_interval(months => i))::date, '1 month');
    end loop;
    return v_n + ops.partitions_drop('messaging.archive', (v_now - make_interval(months => greatest(p_keep, 4)))::date);
end $$;
comment on function messaging.archive_months(int) is
'A daily job: makes the partitions of the months that rows now come from, and drops those of more than p_keep months ago (at least 4). A month whose rows already stand in the default partition keeps them there. Gives up after 2 s behind a reader of the archive and comes back. Returns how many it made or dropped.';
