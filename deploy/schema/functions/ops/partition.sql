-- SPDX-License-Identifier: Apache-2.0
-- Partitions by time: <table>_<YYYYMM or YYYYMMDD>, beside the default one <table>_other.

create or replace function ops.partition_make(p_parent regclass, p_column name, p_from date, p_step interval) returns int language plpgsql as $$
declare
    v_to timestamptz := (p_from + p_step)::date::timestamptz;
    v_schema name;
    v_table name;
    v_name name;
    v_taken boolean;
begin
    select n.nspname, c.relname into v_schema, v_table from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = p_parent;
    v_name := v_table || '_' || to_char(p_from, case when p_step < interval '1 month' then 'YYYYMMDD' else 'YYYYMM' end);
    if to_regclass(format('%I.%I', v_schema, v_name)) is not null then
        return 0;
    end if;
    execute format('select exists (select 1 from %I.%I where %I >= $1 and %I < $2)', v_schema, v_table || '_other', p_column, p_column)
    into v_taken using p_from::timestamptz, v_to;
    if v_taken then
        return 0;
    end if;
    execute format('create table %I.%I partition of %s for values from (%L) to (%L)', v_schema, v_name, p_parent, p_from::timestamptz, v_to);
    return 1;
end $$;
comment on function ops.partition_make(regclass, name, date, interval) is
'The partition from a day on for one step of time, by p_column. Returns 1 when it made it, 0 when it stands or when rows of that time already stand in the default partition, which keeps them.';

create or replace function ops.partitions_drop(p_parent regclass, p_before date) returns int language plpgsql as $$
declare
    v_schema name;
    v_table name;
    v_name name;
    v_n int := 0;
begin
    select n.nspname, c.relname into v_schema, v_table from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = p_parent;
    for v_name in
        select c.relname from pg_inherits h join pg_class c on c.oid = h.inhrelid
        cross join lateral substr(c.relname, length(v_table) + 2) d
        where h.inhparent = p_parent and d ~ '^[0-9]{6}([0-9]{2})?$'
          and to_date(d, case length(d) when 8 then 'YYYYMMDD' else 'YYYYMM' end) < p_before
        order by c.relname
    loop
        execute format('drop table %I.%I', v_schema, v_name);
        v_n := v_n + 1;
    end loop;
    return v_n;
end $$;
comment on function ops.partitions_drop(regclass, date) is
'Drops the partitions that begin before a day, never the default one. Returns how many.';
