-- SPDX-License-Identifier: Apache-2.0
create or replace function auth.welcomed(p_identity_id bigint) returns table (outcome text) language plpgsql as $$
begin
    update auth.identity set welcomed_at = ops.now() where id = p_identity_id and welcomed_at is null;
    return query select 'ok';
end $$;
comment on function auth.welcomed(bigint) is
'The reader went on from the welcome screen: no later dial of this phone shows it. Once is as good as twice. Outcome: ok.';
