-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.next_poll(p_polls int) returns interval language plpgsql volatile as $$
begin
    return make_interval(secs => (0.8 + 0.4 * random())
        * (select l.delay_s from billing.poll_ladder l where l.poll <= p_polls order by l.poll desc limit 1));
end $$;
comment on function billing.next_poll(int) is
'Delay before the poll after p_polls polls, +-20 %: 10, 20, 30, 45, 60, 90 s, 14 times 2 min, 15 min to 24 h, then hourly (rows of billing.poll_ladder).';
