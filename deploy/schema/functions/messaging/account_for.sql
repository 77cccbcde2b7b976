-- SPDX-License-Identifier: Apache-2.0
-- Which account a message goes by: the named network before any, then up before down, then priority, then price.

create or replace function messaging.cost_of(p_account text, p_country text, p_network text)
returns table (currency char(3), cost bigint) language plpgsql stable as $$
#variable_conflict use_column
begin
    return query
    select c.currency, c.cost from messaging.route_cost c
    where c.account = p_account and c.country in (p_country, '*') and c.network in (p_network, '*') and c.valid_from <= ops.now()
    order by (c.country = '*'), (c.network = '*'), c.valid_from desc limit 1;
end $$;
comment on function messaging.cost_of(text, text, text) is
'What one segment to a country and network costs now by an account, in millionths of the currency''s unit. No row: nobody told us.';

create or replace function ops.per_eur(p_currency text) returns numeric language plpgsql stable as $$
begin
    return (select r.per_eur from ops.exchange_rate r where r.currency = p_currency and r.valid_from <= ops.now()
            order by r.valid_from desc limit 1);
end $$;
comment on function ops.per_eur(text) is 'Units of a currency for one euro now; null when no rate is known.';

create or replace function messaging.account_state(p_account text) returns text language plpgsql stable as $$
begin
    return (select case
            when not a.enabled then 'disabled'
            when a.paused_at is not null then 'paused'
            when h.account is null then 'unseen'
            when h.seen_at < ops.now() - interval '1 minute' then 'down'
            when h.up or h.since > ops.now() - a.down_after then 'up'
            else 'down' end
        from messaging.account a left join messaging.account_health h on h.account = a.name
        where a.name = p_account);
end $$;
comment on function messaging.account_state(text) is
'up (also within down_after of losing its bind) | unseen (no daemon has ever had it) | down (longer, or its holder says nothing for a minute) | paused | disabled; null for no such account.';

create or replace function messaging.route_of(p_country text, p_network text, p_not text) returns text language plpgsql stable as $$
begin
    -- One route, the usual case, needs no question; health and price are asked only where there is a choice.
    return (
        select r.account from (
            select r.account, r.country, r.network, r.prio, count(*) over () as n from messaging.route r
            where r.country in (p_country, '*') and r.network in (p_network, '*') and r.account is distinct from p_not) r
        cross join lateral (select messaging.account_state(r.account) as state) s
        left join lateral (
            select c.currency, c.cost, c.cost / ops.per_eur(c.currency) as eur from messaging.cost_of(r.account, p_country, p_network) c
            where r.n > 1) c on true
        where s.state <> 'disabled'
        order by case s.state when 'up' then 0 when 'unseen' then 1 when 'down' then 2 else 3 end,
            (r.country = '*'), (r.network = '*'), r.prio, c.eur nulls last, c.currency, c.cost, r.account limit 1);
end $$;
comment on function messaging.route_of(text, text, text) is
'The account for a country and network, other than p_not (null: any): one whose bind is up before one that is down, the named country and network before ''*'', then priority, then the cheaper segment (one without a known price last). With none up the message waits on the best that may come back; a disabled account is never taken. Null: no route.';

create or replace function messaging.account_for(p_country text, p_network text) returns text language plpgsql stable as $$
begin
    return messaging.route_of(p_country, p_network, null);
end $$;
comment on function messaging.account_for(text, text) is
'The account that sends to a country and network; null when no route: the message waits (M1) until messaging.recover or messaging.reroute finds one.';
