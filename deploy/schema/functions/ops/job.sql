-- SPDX-License-Identifier: Apache-2.0
-- Jobs: enqueue in the cause's transaction, claim with a lease, finish or fail by the claim's owner only.

create or replace function ops.enqueue(p_queue text, p_kind text, p_args jsonb, p_run_at timestamptz, p_unique_key text)
returns bigint language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_id bigint;
begin
    insert into ops.job (queue, kind, args, run_at, unique_key, created_at)
    values (p_queue, p_kind, coalesce(p_args, '{}'), coalesce(p_run_at, v_now), nullif(p_unique_key, ''), v_now)
    on conflict (queue, unique_key) where unique_key is not null and state in ('ready', 'running') do nothing
    returning id into v_id;
    return coalesce(v_id, (select j.id from ops.job j
        where j.queue = p_queue and j.unique_key = p_unique_key and j.state in ('ready', 'running')));
end $$;
comment on function ops.enqueue(text, text, jsonb, timestamptz, text) is
'Id of the new job, or of the live job with the same unique key. run_at null = now.';

create or replace function ops.job_claim(p_queue text, p_owner text, p_max int, p_lease_s int)
returns table (id bigint, kind text, args jsonb, attempts int, max_attempts int) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
begin
    return query
    with due as materialized (
        select j.id from ops.job j
        where j.queue = p_queue and j.state in ('ready', 'running') and j.run_at <= v_now
        order by j.run_at, j.id
        limit greatest(p_max, 0)
        for update skip locked
    ), taken as (
        update ops.job j
        set state = 'running', owner = p_owner, attempts = j.attempts + 1,
            locked_until = v_now + make_interval(secs => p_lease_s),
            run_at = v_now + make_interval(secs => p_lease_s)
        where j.id = any (array(select due.id from due))
        returning j.id, j.kind, j.args, j.attempts, j.max_attempts
    )
    select t.* from taken t order by t.id;
end $$;
comment on function ops.job_claim(text, text, int, int) is
'At most max due jobs of a queue, leased to owner. A job whose lease has passed is due again; attempts counts claims, so a job that kills its worker also ends.';

create or replace function ops.job_done(p_id bigint, p_owner text) returns boolean language plpgsql as $$
begin
    update ops.job j set state = 'done', finished_at = ops.now(), locked_until = null
    where j.id = p_id and j.owner = p_owner and j.state = 'running';
    return found;
end $$;
comment on function ops.job_done(bigint, text) is 'False: the job is no longer this owner''s.';

create or replace function ops.job_fail(p_id bigint, p_owner text, p_err text)
returns table (outcome text, run_at timestamptz) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
    j ops.job;
begin
    select * into j from ops.job where id = p_id and owner = p_owner and state = 'running' for update;
    if not found then
        return query select 'lost', null::timestamptz;
    elsif j.attempts >= j.max_attempts then
        update ops.job set state = 'dead', finished_at = v_now, last_error = left(p_err, 500), locked_until = null
        where id = p_id;
        perform ops.audit_put('job', 'alert.job_dead', 'job:' || p_id, jsonb_build_object('queue', j.queue, 'kind', j.kind));
        return query select 'dead', null::timestamptz;
    else
        return query
        update ops.job as u set state = 'ready', last_error = left(p_err, 500), locked_until = null, owner = null,
            run_at = v_now + make_interval(secs => least(5 * 2 ^ (j.attempts - 1), 3600) * (0.8 + 0.4 * random()))
        where id = p_id
        returning 'retry'::text, u.run_at;
    end if;
end $$;
comment on function ops.job_fail(bigint, text, text) is
'outcome: retry (5 s doubling to 1 h, +-20 %) | dead (max_attempts reached; alert) | lost (no longer this owner''s).';
