-- SPDX-License-Identifier: Apache-2.0
create or replace function billing.live_hint(p_user_id bigint, p_lang text) returns text language plpgsql stable as $$
begin
    return coalesce((
        select billing.charge_json('pending', c, u.country, p_lang)->>'hint'
        from billing.charge c
        join auth.users u on u.id = c.user_id
        where coalesce(c.gift_by, c.user_id) = p_user_id and not c.superseded
          and c.state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED')
        limit 1), '');
end $$;
comment on function billing.live_hint(bigint, text) is
'What the payer of the one live charge of a reader must do to approve it, in his language; '''' when nothing waits. A re-dial shows it.';
