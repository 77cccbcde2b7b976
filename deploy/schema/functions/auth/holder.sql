-- SPDX-License-Identifier: Apache-2.0
create or replace function auth.holder(p_identity_id bigint, p_user_id bigint) returns table (user_id bigint) language sql stable as $$
    select i.user_id from auth.identity i where i.id = p_identity_id and i.user_id = p_user_id and i.gone_at is null
$$;
comment on function auth.holder(bigint, bigint) is 'The reader, while this number is hers; no row since it moved or has a new holder.';
