/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receipts back to ESMEs, and the answers to them and to texts (texts.c). A row of
 * messaging.esme_receipt is taken when a receiving bind of its account has room, oldest first; it is
 * deleted by the ESME's deliver_sm_resp and by nothing else. Receipts and texts have the free places
 * of the binds in turn, so that neither waits for the end of the other's queue.
 *
 *   DUE --take--> on a bind --resp 0--> gone
 *    ^               | resp other than 0, or none in time: again after 5 s, doubling to 10 min
 *    +---------------+ bind lost first: again at once
 *
 * A deaf ESME is thus asked less and less for one receipt; its bind is closed after max_unanswered in
 * a row (smsc_session.h). The next bind is given what is due by then: never more than 10 min later.
 *
 * What a bind carried when its process died is made due by the next holder of the lease
 * (messaging.esme_release), or by its own time: an ESME may hear a receipt twice, never not at all.
 */
#include "gateway/esme/esme_parts.h"
#include "gateway/esme/receipt_text.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"

#define TAKE_MAX          200
#define FLUSH_MS          5
#define RETRY_MS          500
#define DEADLINE_MS       8000
#define ANSWER_ROOM       (1u << 20)
#define TON_INTERNATIONAL 1
#define TON_NETWORK       3
#define TON_LETTERS       5
#define NPI_ISDN          1

PG_STMT(take_stmt, "esme.take", PG_BATCH, 3,
        "select receipt_id, message_id, source, source_kind, number_sealed, state, code, parts,"
        " delivered, submitted, done from messaging.esme_take($1, $2, $3::int)");
PG_STMT(answered_stmt, "esme.answered", PG_BATCH, 1,
        "select messaging.esme_answered($1::jsonb), messaging.esme_texts_answered($1::jsonb)");

static struct counter receipts = COUNTER("coko_esme_receipts_total", "Receipts by their answer");
static struct counter texts =
    COUNTER("coko_esme_text_answers_total", "Readers' texts on binds of ESMEs by their answer");

static void receipts_take(struct esme_account *a);

/* ---- answers, on their way to the database ---- */

static void set_reset(struct answer_set *set)
{
    buf_reset(&set->text);
    set->n = 0;
    jsonw_init(&set->json, &set->text);
    jsonw_array(&set->json);
}

static void flush(struct esme *s)
{
    struct answers *q = &s->answers;
    struct answer_set *full;
    struct pg_params p;

    if (op_pending(&q->op) || (!q->closed && q->sets[q->filling].n == 0))
        return;
    if (!q->closed) {
        jsonw_end(&q->sets[q->filling].json);
        q->filling = 1 - q->filling;
        q->closed = true;
    }
    full = &q->sets[1 - q->filling];
    pg_params_init(&p);
    pg_p_str(&p, buf_str(&full->text));
    pg_exec_opts(s->pg, &q->op, &answered_stmt, &p,
                 &(struct pg_exec_opts){.prio = PG_PRIO_NORMAL, .deadline_ms = DEADLINE_MS});
}

static void on_timer(void *arg)
{
    flush(arg);
}

static void take_in_turn(struct esme_account *a, bool all)
{
    bool texts_first = a->texts_first;

    for (unsigned i = 0; i < 2; i++) {
        bool texts_now = (i == 0) == texts_first;

        if (texts_now && (all || a->texts.more))
            texts_take(a);
        else if (!texts_now && (all || a->deliver.more))
            receipts_take(a);
    }
}

static void wake_all(struct esme *s)
{
    for (size_t i = 0; i < s->naccounts; i++)
        take_in_turn(s->accounts[i], false);
}

static void on_recorded(struct op *op)
{
    struct esme *s = container_of(op, struct esme, answers.op);
    struct answers *q = &s->answers;

    if (op_failed(op)) { /* kept: the rows would come again to an ESME that has answered them */
        log_err(LOG_LEVEL_WARN, NULL, "answers of receipts not recorded", &op->err);
        op_release(op);
        loop_timer_set(&q->timer, RETRY_MS);
        return;
    }
    op_release(op);
    set_reset(&q->sets[1 - q->filling]);
    q->closed = false;
    if (q->sets[q->filling].n > 0)
        loop_timer_set(&q->timer, 0);
    wake_all(s);
}

static void record(struct esme *s, uint64_t tag, const char *word, const char *label)
{
    bool text = (tag & ESME_TEXT_TAG) != 0;
    struct answers *q = &s->answers;
    struct answer_set *set = &q->sets[q->filling];

    counter_inc(counter_with(text ? &texts : &receipts, label));
    jsonw_object(&set->json);
    jsonw_kv_i64(&set->json, text ? "text" : "id", (int64_t)(tag & ~ESME_TEXT_TAG));
    jsonw_kv_cstr(&set->json, "answer", word);
    jsonw_end(&set->json);
    set->n++;
    if (!op_pending(&q->op) && !loop_timer_is_set(&q->timer))
        loop_timer_set(&q->timer, FLUSH_MS);
}

static unsigned unrecorded(const struct esme *s)
{
    return s->answers.sets[0].n + s->answers.sets[1].n;
}

void deliver_answered(struct esme *s, struct esme_account *a, uint64_t tag, uint32_t status,
                      bool late)
{
    if (!late)
        s->flying--;
    if (status == 0)
        record(s, tag, "done", "answer=\"taken\"");
    else if (!late)
        record(s, tag, "refused", "answer=\"refused\"");
    if (a != NULL)
        take_in_turn(a, false);
}

void deliver_unanswered(struct esme *s, uint64_t tag, bool ended)
{
    s->flying--;
    if (ended)
        record(s, tag, "lost", "answer=\"lost\"");
    else
        record(s, tag, "unanswered", "answer=\"unanswered\"");
}

/* ---- one receipt on a bind ---- */

struct esme_peer *deliver_peer(struct esme_account *a)
{
    struct esme *s = a->room;

    for (int64_t i = 0; i < s->config->max_connections; i++) {
        struct esme_peer *p = &s->peers[i];

        if (p->id != 0 && p->account == a && p->receives && smpp_server_room(s->server, p->id) > 0)
            return p;
    }
    return NULL;
}

/* What its binds would take now, beside what is on its way to them. */
static unsigned room_of(const struct esme_account *a)
{
    const struct esme *s = a->room;
    unsigned room = 0, asked = a->deliver.asked + a->texts.asked;

    for (int64_t i = 0; i < s->config->max_connections && room < asked + TAKE_MAX; i++) {
        if (s->peers[i].id != 0 && s->peers[i].account == a && s->peers[i].receives)
            room += smpp_server_room(s->server, s->peers[i].id);
    }
    return room > asked ? MIN(room - asked, TAKE_MAX) : 0;
}

unsigned deliver_room(struct esme_account *a, struct deliver *d)
{
    struct esme *s = a->room;

    if (!esme_may_deliver(s) || a->smsc.binds == 0 || op_pending(&d->op))
        return 0;
    if (s->flying + unrecorded(s) + TAKE_MAX <= ESME_RECEIPTS_MAX)
        d->asked = room_of(a);
    if (d->asked > 0)
        a->texts_first = d != &a->texts;
    else
        d->more = true;
    return d->asked;
}

static void set_dest(struct pdu_sm *sm, const char *source, const char *kind)
{
    sm->dest = str_c(source);
    if (strcmp(kind, "alphanumeric") == 0) {
        sm->dest_ton = TON_LETTERS;
    } else if (strcmp(kind, "numeric") == 0) {
        sm->dest_ton = TON_INTERNATIONAL;
        sm->dest_npi = NPI_ISDN;
    } else if (*source) {
        sm->dest_ton = TON_NETWORK;
    }
}

static int read_number(struct esme *s, const struct op *op, int row, struct buf *out, struct err *e)
{
    uint8_t blob[256];
    ptrdiff_t n = pg_bytea(op, row, pg_col(op, "number_sealed"), blob, sizeof blob);

    if (n < 0)
        return err_set(e, ERR_TOO_BIG, "sealed number");
    return seal_open(s->ring, STR("auth.identity"), str_n(blob, (size_t)n), out, e);
}

static int send_receipt(struct esme *s, uint64_t peer, const struct op *op, int row,
                        struct str number, struct err *e)
{
    const char *id = pg_text(op, row, pg_col(op, "message_id"));
    struct receipt_owed owed = {.id = id,
                                .state = pg_text(op, row, pg_col(op, "state")),
                                .parts = pg_i64(op, row, pg_col(op, "parts")),
                                .delivered = pg_i64(op, row, pg_col(op, "delivered")),
                                .code = pg_i64(op, row, pg_col(op, "code")),
                                .submitted = pg_text(op, row, pg_col(op, "submitted")),
                                .done = pg_text(op, row, pg_col(op, "done"))};
    uint8_t state = receipt_text_state(owed.state);
    struct smpp_tlv tlvs[] = {{SMPP_TAG_RECEIPTED_MESSAGE_ID, str_n(id, strlen(id) + 1)},
                              {SMPP_TAG_MESSAGE_STATE, str_n(&state, 1)}};
    char text[RECEIPT_TEXT_MAX];
    struct pdu_sm sm = {.esm_class = SMPP_ESM_RECEIPT,
                        .source = number,
                        .source_ton = TON_INTERNATIONAL,
                        .source_npi = NPI_ISDN};

    set_dest(&sm, pg_text(op, row, pg_col(op, "source")),
             pg_text(op, row, pg_col(op, "source_kind")));
    receipt_text_write(&owed, text);
    sm.message = str_c(text);
    return smpp_server_deliver(s->server, peer, &sm, tlvs, ARRAY_LEN(tlvs),
                               (uint64_t)pg_i64(op, row, pg_col(op, "receipt_id")), e);
}

static void give(struct esme_account *a, const struct op *op, int row)
{
    struct esme *s = a->room;
    struct esme_peer *p = s->server != NULL ? deliver_peer(a) : NULL;
    char clear[64];
    struct buf number;
    struct err e;

    s->flying++;
    if (p == NULL) {
        deliver_unanswered(s, (uint64_t)pg_i64(op, row, 0), true);
        return;
    }
    buf_init_fixed(&number, clear, sizeof clear);
    if (read_number(s, op, row, &number, &e) != 0 ||
        send_receipt(s, p->id, op, row, buf_str(&number), &e) != 0) {
        log_err(LOG_LEVEL_ERROR, NULL, "receipt not sent", &e);
        deliver_answered(s, NULL, (uint64_t)pg_i64(op, row, 0), SMPP_RSYSERR, false);
    }
    crypto_wipe(clear, sizeof clear);
}

static void on_taken(struct op *op)
{
    struct esme_account *a = container_of(op, struct esme_account, deliver.op);

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "receipts not taken", &op->err);
    a->deliver.more = pg_rows(op) > 0;
    a->deliver.asked = 0;
    for (int row = 0; row < pg_rows(op); row++)
        give(a, op, row);
    op_release(op);
    if (a->deliver.more)
        receipts_take(a);
}

static void receipts_take(struct esme_account *a)
{
    struct esme *s = a->room;
    struct pg_params p;
    unsigned room = deliver_room(a, &a->deliver);

    if (room == 0)
        return;
    pg_params_init(&p);
    pg_p_text(&p, a->config.name);
    pg_p_text(&p, s->lease_name);
    pg_p_int(&p, room);
    pg_exec_opts(s->pg, &a->deliver.op, &take_stmt, &p,
                 &(struct pg_exec_opts){.prio = PG_PRIO_NORMAL, .deadline_ms = DEADLINE_MS});
}

void deliver_wake(struct esme_account *a)
{
    take_in_turn(a, true);
}

/* ---- life ---- */

void deliver_init(struct esme_account *a)
{
    op_init(&a->deliver.op, a->room->loop, on_taken);
}

void deliver_fini(struct esme_account *a)
{
    op_cancel(&a->deliver.op);
    op_release(&a->deliver.op);
}

bool deliver_idle(const struct esme *s)
{
    for (size_t i = 0; i < s->naccounts; i++) {
        if (op_pending(&s->accounts[i]->deliver.op))
            return false;
    }
    return unrecorded(s) == 0;
}

void answers_init(struct esme *s)
{
    for (unsigned i = 0; i < 2; i++) {
        buf_init(&s->answers.sets[i].text, ANSWER_ROOM);
        set_reset(&s->answers.sets[i]);
    }
    op_init(&s->answers.op, s->loop, on_recorded);
    loop_timer_init(&s->answers.timer, s->loop, on_timer, s);
}

void answers_fini(struct esme *s)
{
    loop_timer_clear(&s->answers.timer);
    op_cancel(&s->answers.op);
    op_release(&s->answers.op);
    for (unsigned i = 0; i < 2; i++)
        buf_fini(&s->answers.sets[i].text);
}

void deliver_forget_counters(void)
{
    counter_forget(&receipts);
    counter_forget(&texts);
}
