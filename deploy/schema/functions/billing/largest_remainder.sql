-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.largest_remainder(p_total bigint, p_weights bigint[]) returns bigint[] language plpgsql immutable as $$
begin
    return (
        select array_agg(f.part + case when f.place <= p_total - f.given then 1 else 0 end order by f.n)
        from (select q.n, q.part, sum(q.part) over () as given, row_number() over (order by q.rest desc, q.n) as place
              from (select w.n, div(p_total * w.weight::numeric, s.whole)::bigint as part, mod(p_total * w.weight::numeric, s.whole) as rest
                    from unnest(p_weights) with ordinality w(weight, n)
                    cross join (select nullif(sum(x), 0) as whole from unnest(p_weights) x) s) q) f);
end $$;
comment on function billing.largest_remainder(bigint, bigint[]) is
'A total >= 0 in parts by weights >= 0, in whole minor units that add up to it: each its share rounded down, what is left one by one to the largest remainders, ties to the first. No weight at all: null parts.';
