-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.add_period(p_from timestamptz, p_unit text, p_count int, p_anchor_day int, p_zone text)
returns timestamptz language plpgsql stable as $$
declare
    v_local timestamp := p_from at time zone p_zone;
    v_first timestamp;
    v_days int;
begin
    if p_unit in ('day', 'week') then
        return p_from + make_interval(secs => 86400.0 * p_count * case p_unit when 'week' then 7 else 1 end);
    end if;
    v_first := date_trunc('month', v_local) + make_interval(months => p_count * case p_unit when 'year' then 12 else 1 end);
    v_days := extract(day from v_first + interval '1 month' - interval '1 day');
    return (v_first + make_interval(days => least(p_anchor_day, v_days) - 1) + (v_local - date_trunc('day', v_local)))
        at time zone p_zone;
end $$;
comment on function billing.add_period(timestamptz, text, int, int, text) is
'End of a period. Days and weeks are whole 24 hours; months and years are of the local calendar: the anchor day, or the last day of a shorter month (31 Jan -> 28 Feb -> 31 Mar).';
