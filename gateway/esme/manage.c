/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_sm, cancel_sm and replace_sm: each one statement that names the account, so that an ESME
 * asks about its own messages only; any other id is answered 0x0C, as one that never was.
 *
 * cancel_sm without an id (all of a source and destination) is refused: 0x11.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/esme/esme_parts.h"
#include "gateway/esme/receipt_text.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"

#define DEADLINE_MS 5000

PG_STMT(query_stmt, "esme.query", PG_WRITE, 2,
        "select state, code, done from messaging.esme_query($1, $2::bigint)");
PG_STMT(cancel_stmt, "esme.cancel", PG_WRITE, 2, "select messaging.esme_cancel($1, $2::bigint)");
PG_STMT(replace_stmt, "esme.replace", PG_WRITE, 7,
        "select messaging.esme_replace($1, $2::bigint, $3::bytea, $4::int, $5::bigint, $6::bigint,"
        " $7::int)");

static struct counter manages =
    COUNTER("coko_esme_manage_total", "Queries, cancels and replaces of ESMEs");

/* One of them while its statement runs. */
struct manage {
    struct list node;
    struct esme_account *a;
    uint64_t peer;
    uint32_t id, seq;
    int64_t message;
    struct op op;
};

static void answer(const struct manage *m, uint32_t status)
{
    counter_inc(counter_with(&manages, status == 0 ? "outcome=\"done\"" : "outcome=\"refused\""));
    smpp_server_respond(m->a->room->server, m->peer, m->id, m->seq, status, STR_EMPTY);
}

static void manage_free(struct manage *m)
{
    op_cancel(&m->op);
    op_release(&m->op);
    list_remove(&m->node);
    free(m);
}

static void answer_query(const struct manage *m, const struct op *op)
{
    char id[24], done[24] = "";
    struct pdu_query_resp found = {.message_state = receipt_text_state(pg_text(op, 0, 0)),
                                   .error_code = (uint8_t)(pg_i64(op, 0, 1) & 0xFF)};

    if (pg_rows(op) == 0) {
        answer(m, SMPP_RINVMSGID);
        return;
    }
    (void)snprintf(id, sizeof id, "%lld", (long long)m->message);
    if (!pg_is_null(op, 0, 2))
        (void)snprintf(done, sizeof done, "%.12s000+", pg_text(op, 0, 2));
    found.message_id = str_c(id);
    found.final_date = str_c(done);
    counter_inc(counter_with(&manages, "outcome=\"done\""));
    smpp_server_respond_query(m->a->room->server, m->peer, m->seq, &found);
}

static void on_asked(struct op *op)
{
    struct manage *m = container_of(op, struct manage, op);
    struct str outcome = pg_str(op, 0, 0);

    if (op_failed(op)) {
        log_err(LOG_LEVEL_WARN, NULL, "esme not answered", &op->err);
        answer(m, SMPP_RSYSERR);
    } else if (m->id == SMPP_QUERY_SM) {
        answer_query(m, op);
    } else if (str_eq(outcome, STR("not_found"))) {
        answer(m, SMPP_RINVMSGID);
    } else {
        bool good = str_eq(outcome, STR("cancelled")) || str_eq(outcome, STR("replaced"));

        answer(m, good ? 0 : smsc_manage_refusal(m->id));
        if (good)
            deliver_wake(m->a);
    }
    manage_free(m);
}

static void ask(struct manage *m, const struct pg_stmt *stmt, const struct pg_params *p)
{
    pg_exec_opts(m->a->room->pg, &m->op, stmt, p,
                 &(struct pg_exec_opts){.prio = PG_PRIO_NORMAL, .deadline_ms = DEADLINE_MS});
}

static void seconds(struct pg_params *p, int64_t s)
{
    if (s < 0)
        pg_p_null(p);
    else
        pg_p_int(p, s);
}

static uint32_t replace(struct manage *m, struct pg_params *p, const struct pdu *pdu)
{
    struct esme_request r = {.coding = -1};
    struct buf sealed;
    uint32_t status = esme_request_replace(&m->a->config, pdu, clock_wall_us() / 1000000, &r);

    if (status == 0 && !submit_afford(m->a, r.parts))
        status = SMPP_RTHROTTLED;
    if (status == 0) {
        buf_init(&sealed, ESME_BODY_MAX + SEAL_OVERHEAD);
        submit_seal(m->a->room, &r, &sealed);
        pg_p_bytea(p, sealed.p, sealed.len);
        pg_p_int(p, r.parts);
        seconds(p, r.due_s);
        seconds(p, r.validity_s);
        pg_p_int(p, r.registered);
        ask(m, &replace_stmt, p);
        buf_fini(&sealed);
    }
    crypto_wipe(r.body, sizeof r.body);
    return status;
}

static struct str id_of(const struct pdu *p)
{
    switch (p->id) {
    case SMPP_QUERY_SM: return p->query.message_id;
    case SMPP_CANCEL_SM: return p->cancel.message_id;
    default: return p->replace.message_id;
    }
}

static uint32_t begin(struct manage *m, const struct pdu *pdu)
{
    struct pg_params p;

    if (pdu->id == SMPP_CANCEL_SM && id_of(pdu).n == 0)
        return SMPP_RCANCELFAIL;
    if (!str_to_i64(id_of(pdu), 1, INT64_MAX, &m->message))
        return SMPP_RINVMSGID;
    pg_params_init(&p);
    pg_p_text(&p, m->a->config.name);
    pg_p_int(&p, m->message);
    if (pdu->id == SMPP_REPLACE_SM)
        return replace(m, &p, pdu);
    ask(m, pdu->id == SMPP_QUERY_SM ? &query_stmt : &cancel_stmt, &p);
    return 0;
}

void manage_take(struct esme_account *a, uint64_t peer, const struct pdu *p)
{
    struct manage *m = calloc(1, sizeof *m);
    uint32_t status;

    if (m == NULL)
        abort();
    *m = (struct manage){.a = a, .peer = peer, .id = p->id, .seq = p->seq};
    list_push_back(&a->room->manages, &m->node);
    op_init(&m->op, a->room->loop, on_asked);
    status = begin(m, p);
    if (status != 0) {
        answer(m, status);
        manage_free(m);
    }
}

void manage_fini(struct esme *s)
{
    list_for_each_safe(node, &s->manages)
    {
        manage_free(container_of(node, struct manage, node));
    }
}

void manage_forget_counters(void)
{
    counter_forget(&manages);
}
