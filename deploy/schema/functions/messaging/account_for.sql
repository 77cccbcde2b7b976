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
declare
    r record;
    v_key int[];
    v_best text[] := '{}';
begin
    -- A handful of rows for each message that is queued: no sort, which would cost more than all that they say.
    for r in select x.account, array[case messaging.account_state(x.account) when 'up' then 0 when 'unseen' then 1 when 'down' then 2
                                     when 'disabled' then null else 3 end, (x.country = '*')::int, (x.network = '*')::int, x.prio] as key
             from messaging.route x
             where x.country in (p_country, '*') and x.network in (p_network, '*') and x.account is distinct from p_not
    loop
        if r.key[1] is null then
            continue;
        elsif v_key is null or r.key < v_key then
            v_key := r.key;
            v_best := array[r.account];
        elsif r.key = v_key then
            v_best := v_best || r.account;
        end if;
    end loop;
    -- Price is asked only where there is still a choice.
    if cardinality(v_best) < 2 then
        return v_best[1];
    end if;
    return (
        select b.account from unnest(v_best) b(account)
        left join lateral (
            select c.currency, c.cost, c.cost / ops.per_eur(c.currency) as eur from messaging.cost_of(b.account, p_country, p_network) c) c on true
        order by c.eur nulls last, c.currency, c.cost, b.account limit 1);
end $$;
comment on function messaging.route_of(text, text, text) is
'The account for a country and network, other than p_not (null: any): one whose bind is up before one that is down, the named country and network before ''*'', then priority, then the cheaper segment (one without a known price last). With none up the message waits on the best that may come back; a disabled account is never taken. Null: no route.';

create or replace function messaging.account_for(p_country text, p_network text) returns text language plpgsql stable as $$
begin
    return messaging.route_of(p_country, p_network, null);
end $$;
comment on function messaging.account_for(text, text) is
'The account that sends to a country and network; null when no route: the message waits (M1) until messaging.recover or messaging.reroute finds one.';
