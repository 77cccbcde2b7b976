-- SPDX-License-Identifier: Apache-2.0
-- Readers' texts to numbers of ESMEs: kept from the carrier's delivery until the ESME has them.

create or replace function messaging.esme_text_put(p_esme text, p_dedupe bytea, p_pdu bytea) returns boolean language plpgsql as $$
begin
    insert into messaging.esme_text (esme, dedupe, pdu_sealed, due_at, created_at)
    values (p_esme, p_dedupe, p_pdu, ops.now(), ops.now())
    on conflict (dedupe) do nothing;
    return found;
end $$;
comment on function messaging.esme_text_put(text, bytea, bytea) is
'A text for an ESME, before the carrier hears that we have it. The same delivery again keeps one. False: it is there already.';

create or replace function messaging.esme_take_texts(p_esme text, p_holder text, p_max int)
returns table (text_id bigint, pdu_sealed bytea) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := ops.now();
begin
    return query
    with due as (
        select t.id from messaging.esme_text t where t.esme = p_esme and t.due_at <= v_now
        order by t.esme, t.due_at, t.id limit p_max for update skip locked
    ), taken as (
        update messaging.esme_text t
        set holder = p_holder, tries = least(t.tries + 1, 100), due_at = v_now + interval '3 minutes'
        from due d where t.id = d.id
        returning t.id, t.pdu_sealed, t.created_at)
    select t.id, t.pdu_sealed from taken t order by t.created_at, t.id;
end $$;
comment on function messaging.esme_take_texts(text, text, int) is
'At most max texts for an ESME that has room, oldest first; as messaging.esme_take.';

create or replace function messaging.esme_texts_answered(p_rows jsonb) returns int language plpgsql as $$
declare
    v_now timestamptz := ops.now();
    v_n int;
begin
    delete from messaging.esme_text t
    where t.id = any (array(select x."text" from jsonb_to_recordset(p_rows) as x("text" bigint, answer text) where x.answer = 'done'));
    get diagnostics v_n = row_count;
    update messaging.esme_text t
    set holder = null, due_at = messaging.esme_again(x.answer, t.tries, t.created_at, v_now)
    from jsonb_to_recordset(p_rows) as x("text" bigint, answer text)
    where t.id = any (array(select y."text" from jsonb_to_recordset(p_rows) as y("text" bigint))) and t.id = x."text" and x.answer <> 'done';
    return v_n;
end $$;
comment on function messaging.esme_texts_answered(jsonb) is
'What became of texts on their binds: [{text, answer}], among rows of receipts, by the rule of messaging.esme_answered.';
