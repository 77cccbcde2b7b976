-- SPDX-License-Identifier: Apache-2.0
create or replace function ops.status() returns table (section text, name text, value text) language sql stable as $$
    select 'lease', l.name, l.owner || ' epoch ' || l.epoch
        || case when l.until > ops.now() then ', ' || ceil(extract(epoch from l.until - ops.now()))::text || ' s left' else ', free' end
    from ops.lease l
    union all
    select 'outbox', m.state || ' ' || m.kind, count(*)::text || ', oldest '
        || to_char(ops.now() - min(m.created_at), 'DD"d" HH24:MI:SS')
    from messaging.message m where m.state in ('queued', 'claimed', 'sending', 'unknown') group by m.state, m.kind
    union all
    select 'esme', r.esme || ' receipts', count(*)::text || ', ' || count(r.holder)::text || ' on a bind, oldest '
        || to_char(ops.now() - min(r.created_at), 'DD"d" HH24:MI:SS')
    from messaging.esme_receipt r group by r.esme
    union all
    select 'esme', t.esme || ' texts', count(*)::text || ', ' || count(t.holder)::text || ' on a bind, oldest '
        || to_char(ops.now() - min(t.created_at), 'DD"d" HH24:MI:SS')
    from messaging.esme_text t group by t.esme
    union all
    select 'rings', r.state || ' ' || r.purpose, count(*)::text || ', oldest ' || to_char(ops.now() - min(r.created_at), 'DD"d" HH24:MI:SS')
    from messaging.ring r
    where r.state in ('queued', 'sending') or (r.state = 'unknown' and r.created_at > ops.now() - interval '1 day')
    group by r.state, r.purpose
    union all
    select 'charges', c.state, count(*)::text || ', oldest ' || to_char(ops.now() - min(c.created_at), 'DD"d" HH24:MI:SS')
    from billing.charge c
    where c.state in ('CREATED', 'READY', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'UNRESOLVED', 'REVIEW')
      and case when c.state = 'REVIEW' then billing.waits_for_person(c) else not c.superseded end
    group by c.state
    union all
    select 'rails', g.rail, g.state || ', ' || g.held || ' wait, ' || case g.state when 'open' then 'tried again in ' || g.until_s || ' s' else 'one is being tried' end
    from billing.rail_gates() g where g.state <> 'closed'
    union all
    select 'ussd', 'dialogues ' || s.fate, count(*)::text || ' in 10 minutes'
    from ops.hop_sessions(ops.now() - interval '10 minutes', ops.now()) s group by s.fate
    union all
    select 'jobs', j.queue || ' ' || j.state, count(*)::text
    from ops.job j where j.state in ('ready', 'running', 'dead') group by j.queue, j.state
    order by 1, 2
$$;
comment on function ops.status() is
'What an operator asks first at night: who holds which lease, what waits in the outbox and since when, receipts and texts that ESMEs have not taken, rings that wait or that no carrier answered today, charges not ended, rails that do not answer, dialogues of the last minutes, jobs. For `coko status`; not a hot path.';
