# SPDX-License-Identifier: Apache-2.0
"""Rules taken out of the charge machine, one by one; the simulation must see each of them missing.

SQL: statements, or (function, text, other text). C: (file, text, other text); the file is compiled anew and linked before
the rooms. A mutant is caught when one of its seeds breaks an oracle; which one is told.
"""

SQL = {
    "I1: no lock of the reader, no unique index, no look": [
        ("billing.start_charge_once", "if found then", "if false then"),
        "drop index billing.charge_one_open; drop index billing.charge_one_a_period"],
    "I5: both payments of a period are granted": [("billing.is_granted", "o.settlement = 'granted'", "false")],
    "I2: no attempt row": [
        ("billing.take_charges", "from unnest(v_taken) t where t.state = 'SUBMITTING'", "from unnest(v_taken) t where false")],
    "I3: a new reference for a resubmit": [
        ("billing.take_steps", "set state = n.state,", "set our_ref = case when n.state = 'READY' then gen_random_uuid() else ch.our_ref end, state = n.state,")],
    "I4: no receipt": [
        ("billing.settle", "perform billing.charge_notice(c.id, case when c.gift_by is not null then 'gift' when c.book_id is not null"
         " then 'receipt_book' else 'receipt' end);", "")],
    "I4: the pass comes before the success": [
        ("billing.take_steps", "(t.now).state in ('SUCCEEDED', 'SUCCEEDED_LATE')", "(t.now).state in ('SUCCEEDED', 'SUCCEEDED_LATE', 'PENDING') and"
         " not exists (select 1 from billing.entitlement e where e.charge_id = (t.now).id)")],
    "I5: a second success is kept for nothing": [
        ("billing.credit_from", "(v_txn, 'liability', null, -p_charge.amount_minor", "(v_txn, 'revenue', null, -p_charge.amount_minor")],
    "I5: no later question after a failure": [
        ("billing.charge_due", "when p_now < v_from + interval '1 hour' then v_from + interval '1 hour'", ""),
        ("billing.charge_due", "when p_now < v_from + interval '24 hours' then v_from + interval '24 hours'", "when false then null"),
        ("billing.inbox_hint", "c.state in ('FAILED', 'EXPIRED')", "false")],
    "I7: a callback settles": [
        ("billing.inbox_put", "if num_nonnulls(v_charge, v_mandate) > 0 then", "if num_nonnulls(v_charge, v_mandate) > 0 then perform billing.rail_answers(jsonb_build_array("
         "jsonb_build_object('charge', c.id, 'version', c.version, 'event', 'success', 'amount', c.amount_minor, 'currency', c.currency)), true)"
         " from billing.charge c where c.id = v_charge and c.state = 'PENDING';")],
    "I8: the amount is not compared": [("billing.same_money", "p_amount_minor is not distinct from p_charge.amount_minor", "true")],
    "I8: a missing amount is good enough": [
        ("billing.same_money", "p_amount_minor is not distinct from p_charge.amount_minor",
         "coalesce(p_amount_minor, p_charge.amount_minor) = p_charge.amount_minor")],
    "I8: the currency is not compared": [("billing.same_money", "p_currency is not distinct from p_charge.currency::text", "true")],
    "I8: another charge's transaction is taken": [
        ("billing.same_money", "o.id <> p_charge.id", "false"), "drop index billing.charge_rail_txn"],
    "I9: entries that do not sum to zero": [
        "drop trigger ledger_entry_zero on billing.ledger_entry; drop trigger ledger_txn_zero on billing.ledger_txn",
        ("billing.book_sales", "('revenue', null, s.tva - s.ttc)", "('revenue', null, -s.ttc)")],
    "I10: a late decline undoes success": [
        "insert into billing.charge_transition values ('SUCCEEDED', 'declined', 'FAILED'), ('SUCCEEDED', 'pending', 'PENDING')",
        ("billing.rail_answers", "c.version <> (v.said).version", "false")],
    "I13: a superseded charge is asked about no more": [
        ("billing.supersede_charge", "due_at = case when claimed_by is null and link_sealed is not null then v_now else due_at end", "due_at = null"),
        ("billing.inbox_hint", "c.state in ('PENDING', 'UNKNOWN', 'UNRESOLVED')", "c.state in ('UNKNOWN', 'UNRESOLVED')")],
    "M4: a lapsed submit is sent again": [
        ("billing.take_charges", "if c.state = 'READY' then\n            c.state", "if c.state in ('READY', 'SUBMITTING') then\n            c.state")],
    "M4: resubmit on the first not-found": [
        ("billing.charge_next", "p_charge.not_found >= 2", "true"), ("billing.charge_next", "interval '60 seconds'", "interval '-1 day'")],
    "M4: an unknown submit goes back": ["update billing.charge_transition set to_state = 'READY' where from_state = 'SUBMITTING' and event = 'unknown'"],
    "no version is compared": [("billing.rail_answers", "c.version <> (v.said).version", "false"),
                               "delete from billing.charge_transition where from_state = 'SUCCEEDED'",
                               "insert into billing.charge_transition values ('SUCCEEDED', 'success', 'SUCCEEDED')"],
    "a lease that never ends": [("billing.take_charges", "v_now + make_interval(secs => r.submit_lease_s)", "null")],
    "a day without an answer is a failure": [("billing.take_charges", "c.state := 'UNRESOLVED'", "c.state := 'EXPIRED'")],
    "refund: above what was paid": [("billing.refund_ask", "v_amount <= 0 or v_amount > l.left_minor", "v_amount <= 0")],
    "refund: one person is enough": [
        ("billing.refund_approve", "v_who = f.requested_by", "false"), "alter table billing.refund drop constraint refund_check2"],
    "refund: a repeated submit has a new reference": [
        ("billing.refund_event", "state = v_to, version", "our_ref = case when v_to = 'APPROVED' then gen_random_uuid() else our_ref end, state = v_to, version")],
    "refund: no answer is a failure": ["update billing.refund_transition set to_state = 'REFUND_FAILED' where event = 'unknown'"],
    "refund: the money leaves no account": [("billing.refund_end", "'refunds', f.amount_minor, billing.paid_from(c.rail), -f.amount_minor", "'refunds', f.amount_minor, 'revenue', -f.amount_minor")],
    "I6: a callback seen before is not counted": [("billing.inbox_put", "set seen = i.seen + 1", "set seen = i.seen")],
}

CHARGE, MTN = "gateway/money/charge.c", "gateway/money/mtn_momo.c"
C = {
    "M4: no answer means not sent": (CHARGE, "w->submit && !w->op.unknown && w->follows == 0", "w->submit && w->follows == 0"),
    "M4: a submit without an answer is sent once more": (
        CHARGE, "    if (op_failed(&w->op))\n        read_failure(w);",
        "    if (op_failed(&w->op) && w->submit && !w->reminted) {\n        w->reminted = true;\n        op_release(&w->op);\n"
        "        return WORK_SEND;\n    }\n    if (op_failed(&w->op))\n        read_failure(w);"),
    "M4: a submit leaves under a lease of the past": (CHARGE, "loop_now_ms(w->m->d.loop) > w->send_by_ms", "w->send_by_ms < 0"),
    "M4: no answer about a refund means not sent": (
        "gateway/money/errand.c", "w->submit && (!op->unknown || !w->money)", "w->submit"),
    "M4: 5xx is a refusal": (MTN, "client_fault && *code ? CHARGE_REJECTED", "client_fault || status >= 500 ? CHARGE_REJECTED"),
    "M4: a refusal without the rail's word is one": (MTN, "client_fault && *code ?", "client_fault ?"),
    "M4: any answer but 200 is a not-found": (
        MTN, 'rs->status == 404 && strcmp(code, "RESOURCE_NOT_FOUND") == 0', "code && rs->status != 200 && rs->status != 401"),
    "I3: a 409 is a refusal": (MTN, "v->event = CHARGE_DUPLICATE;", "v->event = CHARGE_REJECTED;"),
    "I8: a fraction is rounded away": ("gateway/money/rail_io.c", "json_is_real(amount) && strtod(mem, NULL) != d", "false"),
    "I8: francs have hundredths": ("gateway/money/amount.c", "            return 0;", "            return 2;"),
    "I8: no look at whose payment it is": (
        MTN, "external && str_eq_c(c->our_ref, external) ? CHARGE_SUCCESS : CHARGE_MISMATCH", "external && (str_eq_c(c->our_ref, external) || true) ? CHARGE_SUCCESS : CHARGE_MISMATCH"),
    "I12: an unknown word is a failure": (MTN, "        v->new_word = true;", "        v->new_word = true;\n        v->event = CHARGE_DECLINED;"),
    "I12: an unknown word is a success": (
        MTN, "        v->new_word = true;", "        v->new_word = true;\n        read_success(c, root, v);"),
    "I12: a page is an answer": ("gateway/money/rail_io.c", "return root || str_trim(rs->body).n == 0;", "return root || rs->status < 500;"),
    "I11: what is sent is logged": (
        CHARGE, "    build(w, &rq);\n", "    build(w, &rq);\n    log_debug(NULL, \"send\", \"%\" STR_FMT, STR_ARG(rq.body));\n"),
    "every answer comes too late": ("gateway/money/charge_record.c", "\"version\", a->version);", "\"version\", a->version - 1);"),
    "I6: the callback is thanked for before it is stored": (
        "gateway/money/inbox.c", "    store(c, r, &cb, verified);", "    http_reply(x, 200, NULL, STR_EMPTY);\n    c->x = NULL;\n    store(c, r, &cb, verified);"),
}

# In every run of the tests; the others in the long one.
FEW = ("I5: both payments of a period are granted", "M4: a lapsed submit is sent again", "I12: an unknown word is a failure")
