-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.rewind(p_message_id bigint) returns boolean language plpgsql as $$
declare
    m messaging.message;
begin
    select * into m from messaging.message where id = p_message_id and kind = 'instalment' and repeats is null;
    if not found or exists (select 1 from messaging.part p where p.message_id = m.id and p.state in ('delivered', 'accepted')) then
        return false;
    end if;
    update reading.position p set part = m.from_part, at = m.from_at, finished_at = null, version = p.version + 1
    where p.user_id = m.user_id and p.book_id = m.book_id and p.part = m.to_part and p.at = m.to_at;
    return found;
end $$;
comment on function messaging.rewind(bigint) is
'An instalment that never reached its reader gives the text back: the position returns to its start, unless the reader has moved on since, it was a repetition, or a part was taken by the carrier (an instalment with a receipt is never repeated).';
