/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receipts, in batches: collected, committed by messaging.receipts_waits, then acknowledged one by one. What
 * could not be committed is answered ESME_RX_T_APPN: the carrier keeps it and delivers it again, and
 * the function does not mind seeing it twice. So is what comes when two batches are full.
 *
 * A receipt without an id is its part's by our own reference and the phone it names; without both it
 * says nothing.
 *
 * A batch waits until the responses that came before it are recorded: else the database would keep
 * its receipts as orphans first, one by one. Not while recording fails: a receipt may come first.
 */
#include "gateway/lib/counter.h"
#include "gateway/sms/sms_parts.h"
#include "smpp/alphabet.h"

#define FLUSH_MS    5
#define DEADLINE_MS 8000 /* below what carriers wait for a response */

PG_STMT(receipts_stmt, "sms.receipts", PG_BATCH, 2,
        "select messaging.receipts_waits($1, $2::jsonb)");

static struct counter taken = COUNTER("coko_sms_dlr_total", "Receipts by what they say");
static struct counter shed = COUNTER("coko_sms_dlr_shed_total", "Receipts sent back for later");
static struct counter waited =
    DELAYS("coko_sms_dlr_latency_seconds", "A part's response to its first final receipt");

static void count_state(enum receipt_state s)
{
    char label[40] = "status=\"";
    struct buf b;

    buf_init_fixed(&b, label, sizeof label);
    buf_addf(&b, "status=\"%s\"", receipt_state_name(s));
    counter_inc(counter_with(&taken, buf_cstr(&b)));
}

static void flush(struct sms_account *a)
{
    struct receiver *r = &a->receiver;
    struct receipts *full;
    struct pg_params p;

    if (op_pending(&r->op) || (!r->closed && r->sets[r->filling].n == 0))
        return;
    if (!r->closed)
        r->filling = 1 - r->filling;
    r->closed = true;
    full = &r->sets[1 - r->filling];
    if (a->record.done < full->after && a->record.failures == 0)
        return; /* receiver_wake */
    pg_params_init(&p);
    pg_p_text(&p, a->link->account);
    pg_p_str(&p, batch_json(&full->batch));
    pg_exec_opts(a->s->pg, &r->op, &receipts_stmt, &p,
                 &(struct pg_exec_opts){.deadline_ms = DEADLINE_MS, .prio = PG_PRIO_HIGH});
}

static void on_timer(void *arg)
{
    flush(arg);
}

void receiver_wake(struct sms_account *a)
{
    if (a->receiver.closed)
        flush(a);
}

static void answer_all(struct receipts *set, uint32_t status)
{
    for (unsigned i = 0; i < set->n; i++)
        bind_answer(&set->waiting[i], status);
    set->n = 0;
    batch_reset(&set->batch);
}

/* What no response came for before its receipt has no wait, and is not told. */
static void observe_waits(struct sms_account *a, const struct op *op)
{
    char label[80];
    struct counter *c;
    struct buf b;

    buf_init_fixed(&b, label, sizeof label);
    buf_addf(&b, "account=\"%s\"", a->link->account);
    c = counter_with(&waited, buf_cstr(&b));
    for (int row = 0; row < pg_rows(op); row++)
        counter_observe_us(c, pg_i64(op, row, 0) * 1000);
}

static void on_stored(struct op *op)
{
    struct sms_account *a = container_of(op, struct sms_account, receiver.op);
    struct receiver *r = &a->receiver;
    struct receipts *sent = &r->sets[1 - r->filling];

    if (op_failed(op)) {
        log_err(LOG_LEVEL_WARN, NULL, "receipts not stored", &op->err);
        counter_add(&shed, sent->n);
    }
    if (!op_failed(op)) {
        observe_waits(a, op);
        sms_ended(a);
    }
    answer_all(sent, op_failed(op) ? SMPP_RX_T_APPN : SMPP_ROK);
    op_release(op);
    r->closed = false;
    if (r->sets[r->filling].n > 0)
        loop_timer_set(&r->timer, 0);
}

/* "err:" of the text, or the network's own code. */
static int64_t error_of(const struct receipt *r)
{
    int64_t v;

    if (str_to_i64(str_c(r->err), 0, 0x7FFFFFFF, &v))
        return v;
    return r->has_network_error ? r->network_code : -1;
}

static struct str source_of(const struct pdu *pdu)
{
    return pdu->shape == PDU_SHAPE_data ? pdu->data.source : pdu->sm.source;
}

static bool read_phone(const struct sms_account *a, const struct pdu *pdu, uint8_t lookup[32])
{
    struct msisdn number;
    struct err e;

    if (msisdn_parse(source_of(pdu), a->link->country, &number, &e) != 0)
        return false;
    seal_lookup(a->s->ring, STR("phone"), str_c(number.digits), lookup);
    return true;
}

static bool names_a_part(const struct sms_account *a, const struct receipt *r,
                         const struct pdu *pdu)
{
    uint8_t lookup[32];

    return r->id_count > 0 ||
           (r->reference != 0 && a->link->reference && read_phone(a, pdu, lookup));
}

static bool add(struct sms_account *a, struct receipts *set, const struct receipt *r,
                const struct pdu *pdu)
{
    const char *refs[RECEIPT_IDS];
    char room[RECEIPT_ID_MAX];
    uint8_t lookup[32];
    struct batch_receipt row = {.refs = refs,
                                .state = receipt_state_name(r->state),
                                .err = error_of(r),
                                .reference = r->reference};

    row.nrefs = compose_receipt_ids((enum bind_id_form)a->link->id_form, r, room, refs);
    if (read_phone(a, pdu, lookup))
        row.lookup = lookup;
    return batch_receipt(&set->batch, &row);
}

/*
 * A busy carrier always has another receipt. What comes when all else is done gets no answer: a refusal
 * would bring it back at once, without one it comes to the next bind.
 */
static bool leaving(const struct sms_account *a)
{
    return a->s->draining && sender_idle(a) && record_idle(a);
}

void receiver_on_receipt(void *arg, const struct bind_delivery *d, const struct pdu *pdu)
{
    struct sms_account *a = sms_account_of(arg, d->bind);
    struct receipts *set = &a->receiver.sets[a->receiver.filling];
    struct receipt r;
    struct err e;

    if (leaving(a))
        return;
    if (receipt_parse(pdu, &r, &e) != 0 || !names_a_part(a, &r, pdu)) {
        counter_inc(counter_with(&taken, "status=\"unreadable\""));
        bind_answer(d, SMPP_ROK); /* it would come back for ever */
        return;
    }
    if (set->n == SMS_RECEIPTS_MAX || !add(a, set, &r, pdu)) {
        counter_inc(&shed);
        bind_answer(d, SMPP_RX_T_APPN);
        return;
    }
    count_state(r.state);
    set->waiting[set->n++] = *d;
    set->after = a->record.added;
    if (!op_pending(&a->receiver.op) && !loop_timer_is_set(&a->receiver.timer))
        loop_timer_set(&a->receiver.timer, FLUSH_MS);
}

void receiver_init(struct sms_account *a)
{
    batch_init(&a->receiver.sets[0].batch);
    batch_init(&a->receiver.sets[1].batch);
    op_init(&a->receiver.op, a->s->loop, on_stored);
    loop_timer_init(&a->receiver.timer, a->s->loop, on_timer, a);
}

bool receiver_idle(const struct sms_account *a)
{
    return a->receiver.sets[0].n == 0 && a->receiver.sets[1].n == 0;
}

void receiver_fini(struct sms_account *a)
{
    loop_timer_clear(&a->receiver.timer);
    op_cancel(&a->receiver.op);
    op_release(&a->receiver.op);
    batch_fini(&a->receiver.sets[0].batch);
    batch_fini(&a->receiver.sets[1].batch);
}

void receiver_forget_counters(void)
{
    counter_forget(&taken);
    counter_forget(&shed);
    counter_forget(&waited);
}
