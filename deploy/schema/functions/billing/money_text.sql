-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.money_text(p_amount_minor bigint, p_currency text) returns text language plpgsql stable as $$
declare
    c ops.country;
begin
    select * into c from ops.country where currency = p_currency order by code limit 1;
    return case coalesce(c.exponent, 0)
        when 0 then replace(to_char(p_amount_minor, 'FM999,999,999,999'), ',', ' ')
        else replace(to_char(p_amount_minor / 10::numeric ^ c.exponent, 'FM999,999,999,990.' || repeat('0', c.exponent)), ',', ' ')
        end || ' ' || coalesce(c.money_name, p_currency);
end $$;
comment on function billing.money_text(bigint, text) is 'Amount for a person: 2500 XOF is "2 500 F"; 2500 GHS is "25.00 GHS".';
