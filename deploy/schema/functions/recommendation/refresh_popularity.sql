-- SPDX-License-Identifier: Apache-2.0
create or replace function recommendation.refresh_popularity(p_since timestamptz) returns int language plpgsql as $$
declare
    v_n int;
begin
    update catalog.book b set popularity = c.n
    from (select r.book_id, count(*) as n from recommendation.interaction r
          where r.book_id = any (array(select distinct i.book_id from recommendation.interaction i where i.at >= p_since))
          group by r.book_id) c
    where b.id = c.book_id and b.popularity <> c.n;
    get diagnostics v_n = row_count;
    return v_n;
end $$;
comment on function recommendation.refresh_popularity(timestamptz) is
'Recounts the popularity of books with an interaction since a time; a periodic job. Returns how many changed.';
