-- SPDX-License-Identifier: Apache-2.0
create or replace function messaging.account_for(p_country text, p_network text) returns text language plpgsql stable as $$
begin
    return (select r.account from messaging.route r join messaging.account a on a.name = r.account and a.enabled
            where r.country in (p_country, '*') and r.network in (p_network, '*')
            order by (r.country = '*'), (r.network = '*'), r.prio, r.account limit 1);
end $$;
comment on function messaging.account_for(text, text) is
'The account that sends to a country and network; null when no route: the message waits (M1) until messaging.recover finds one.';
