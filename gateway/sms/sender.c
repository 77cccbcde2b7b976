/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From claimed rows to parts on the bind, and what becomes of each part.
 *
 *   answer of the carrier          what happens
 *   accepted                       recorded with the id
 *   none in time, link lost        recorded as unknown; the other parts go on (M4)
 *   0x58                           the bind puts it back in its place and pauses
 *   try again (queue full, ...)    the message waits 1, 2, 4 s; then it goes back to the outbox. One of
 *                                  which a part went waits on to its end, longer each time, as what is
 *                                  there is worth nothing without the rest: as many as leave nine tenths
 *                                  of the contract to the others, and while this process has the account
 *                                  (no row can begin at its third part)
 *   never                          recorded as failed, and with it the parts not yet written
 *   none: past its end before it could be written (a long pause): its rest goes back to the outbox
 *
 * A cancelled message stops before its next part; its parts not written are recorded as cancelled,
 * which frees the confirmation of STOP (M3).
 */
#include <stdlib.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/map.h"
#include "gateway/sms/sms_parts.h"

#define CLAIM_MAX     500  /* messages */
#define NO_LIMIT      1000 /* parts in hand on a link without a rate */
#define LIVE_MAX      2000 /* messages in hand, those that wait to be tried again among them */
#define TRIES_MAX     3
#define WAIT_MAX_S    256
#define LOST_CLAIM_MS 2000
#define OUR_FAULT     (-1) /* code of a part that could not be made */
#define AVERAGE_ONE   8

PG_STMT(cancelled_stmt, "sms.cancelled", PG_BATCH, 1,
        "select message_id from messaging.cancelled($1)");

static struct counter messages = COUNTER("coko_sms_mt_total", "Messages taken from the outbox");
static struct counter parts = COUNTER("coko_sms_parts_total", "Parts by what the carrier said");
static struct counter unanswered =
    COUNTER("coko_sms_unknown_total", "Parts whose outcome the carrier never told");
static struct counter took =
    HISTOGRAM("coko_sms_submit_duration_seconds", "A part written to its answer");
static struct counter unsent = COUNTER("coko_sms_unsendable_total", "Messages that cannot be made");
static struct counter costly =
    COUNTER("coko_sms_costly_total", "Messages in UCS-2 that folding would have made shorter");

static const char *const class_labels[] = {
    [BIND_TALK] = "class=\"talk\"",
    [BIND_OTP] = "class=\"otp\"",
    [BIND_REPLY] = "class=\"reply\"",
    [BIND_NOTICE] = "class=\"notice\"",
    [BIND_INSTALMENT] = "class=\"instalment\"",
};
static const char *const outcome_labels[] = {
    [BIND_ACCEPTED] = "outcome=\"accepted\"",
    [BIND_REFUSED] = "outcome=\"refused\"",
    [BIND_UNKNOWN] = "outcome=\"unknown\"",
};

/* ---- the end of a message ---- */

static void record_rest(struct outgoing *o)
{
    for (unsigned no = 1; no <= o->job.parts; no++) {
        struct batch_part p = {.message = o->id,
                               .no = no,
                               .of = o->job.parts,
                               .status = o->rest,
                               .code = o->rest_code,
                               .ref = STR_EMPTY};

        if (bind_job_wants(&o->job, no))
            record_part(o->account, &p);
    }
}

static void outgoing_free(struct outgoing *o)
{
    list_remove(&o->node);
    o->account->live_count--;
    o->account->patient -= o->patient;
    loop_timer_clear(&o->again);
    if (o->secret)
        compose_wipe(&o->seg);
    else
        segment_fini(&o->seg);
    crypto_wipe(o->number, sizeof o->number);
    free(o->filled);
    free(o);
}

static void outgoing_over(struct outgoing *o)
{
    if (o->stopped && !o->silent)
        record_rest(o);
    outgoing_free(o);
}

/* No further part is written; the rest is recorded so once nothing is unanswered. */
static void outgoing_stop(struct outgoing *o, enum batch_status rest, int64_t code, bool silent)
{
    if (o->stopped)
        return;
    o->stopped = true;
    o->silent = silent;
    o->rest = rest;
    o->rest_code = code;
    loop_timer_clear(&o->again);
    if (bind_drop(o->account->bind, &o->job))
        outgoing_over(o);
}

/* ---- the bind's calls ---- */

static struct outgoing *outgoing_of(struct bind_job *job)
{
    return container_of(job, struct outgoing, job);
}

static void on_fill(void *arg, struct bind_job *job, unsigned no, struct bind_scratch *scratch,
                    struct smpp_submit *out)
{
    struct outgoing *o = outgoing_of(job);
    struct sms_account *a = o->account;
    struct compose c = {.link = a->link,
                        .seg = &o->seg,
                        .number = o->number,
                        .validity = o->validity,
                        .message = o->id};

    (void)arg;
    o->filled[no] = (uint32_t)loop_now_ms(a->s->loop);
    if (a->link->validity)
        compose_validity((o->ends_at - loop_now_ms(a->s->loop)) / 1000, o->validity);
    compose_fill(&c, no, scratch, out);
    if (o->header)
        out->sm.esm_class = SMPP_ESM_UDHI;
    if (*o->sender != '\0') {
        out->sm.source = str_c(o->sender);
        out->sm.source_ton = o->sender_ton;
        out->sm.source_npi = o->sender_npi;
    }
}

static void on_again(void *arg)
{
    struct outgoing *o = arg;

    bind_release(o->account->bind, &o->job);
}

/* A patient message is asked for each WAIT_MAX at least: their questions are a tenth of the rate. */
static unsigned patient_most(const struct sms_account *a)
{
    int64_t rate = a->link->rate;

    return rate == 0 ? LIVE_MAX / 2 : (unsigned)MIN(rate * WAIT_MAX_S / 10, LIVE_MAX / 2);
}

static bool leaves(const struct sms_account *a)
{
    return a->s->draining || bind_wish_of(a->bind) == BIND_DRAIN;
}

/* May it wait to its end? Once it may, it may. */
static bool is_patient(struct outgoing *o)
{
    struct sms_account *a = o->account;

    if (leaves(a) || !o->touched)
        return false;
    if (!o->patient && a->patient < patient_most(a)) {
        o->patient = true;
        a->patient++;
    }
    return o->patient;
}

static bool may_try(struct outgoing *o, enum smpp_class class)
{
    switch (class) {
    case SMPP_CLASS_ONCE: return o->tries < 1;
    case SMPP_CLASS_VENDOR: return o->tries < TRIES_MAX;
    default: return o->tries < TRIES_MAX || is_patient(o);
    }
}

/* Doubled each time; a quarter more or less, so that those refused together do not come together. */
static int64_t wait_ms(unsigned tries)
{
    int64_t most = MIN(INT64_C(1000) << MIN(tries, 16), WAIT_MAX_S * 1000);
    uint16_t dice;

    crypto_random(&dice, sizeof dice);
    return tries < TRIES_MAX ? most : most - most / 4 + most / 2 * dice / UINT16_MAX;
}

static void on_refused(struct outgoing *o, unsigned no, uint32_t status)
{
    struct batch_part p = {.message = o->id,
                           .no = no,
                           .of = o->job.parts,
                           .status = BATCH_FAILED,
                           .code = status,
                           .ref = STR_EMPTY};
    enum smpp_class class = bind_status_class(o->account->bind, status);

    if (o->stopped) { /* certainly not sent: it shares the lot of the rest, told once all have landed */
        bind_retry(o->account->bind, &o->job, no);
    } else if (class == SMPP_CLASS_OK || class == SMPP_CLASS_PERMANENT) {
        record_part(o->account, &p);
        outgoing_stop(o, BATCH_FAILED, status, false);
    } else if (loop_timer_is_set(&o->again)) {
        bind_retry(o->account->bind, &o->job, no); /* the same try of the message */
    } else if (may_try(o, class)) {
        bind_retry(o->account->bind, &o->job, no);
        loop_timer_set(&o->again, wait_ms(o->tries++));
    } else {
        bind_retry(o->account->bind, &o->job, no);
        outgoing_stop(o, BATCH_RETRY, status, false);
    }
}

static int64_t age_ms(const struct outgoing *o, unsigned no)
{
    return (uint32_t)loop_now_ms(o->account->s->loop) - o->filled[no];
}

static void on_done(void *arg, struct bind_job *job, unsigned no, enum bind_outcome outcome,
                    uint32_t status, struct str id)
{
    struct outgoing *o = outgoing_of(job);
    char ref[RECEIPT_ID_MAX] = "";
    struct batch_part p = {.message = o->id, .no = no, .of = job->parts};

    (void)arg;
    counter_inc(counter_with(&parts, outcome_labels[outcome]));
    if (outcome == BIND_UNKNOWN)
        counter_inc(counter_with(&unanswered, class_labels[job->class]));
    else
        counter_observe_us(&took, age_ms(o, no) * 1000);
    o->touched |= outcome != BIND_REFUSED;
    if (outcome == BIND_REFUSED) {
        on_refused(o, no, status);
        return;
    }
    receipt_normal_id(id, ref);
    p.status = outcome == BIND_ACCEPTED ? BATCH_ACCEPTED : BATCH_UNKNOWN;
    p.ref = str_c(ref);
    record_part(o->account, &p);
}

static void on_over(void *arg, struct bind_job *job)
{
    (void)arg;
    outgoing_over(outgoing_of(job));
}

static void on_late(void *arg, struct bind *b, uint64_t key, unsigned no, uint32_t status,
                    struct str id)
{
    struct sms_account *a = sms_account_of(arg, b);
    char ref[RECEIPT_ID_MAX];
    struct batch_part p = {.message = key, .no = no, .status = BATCH_ACCEPTED};

    if (status != 0)
        return; /* stays unknown: the carrier changed its mind too late for us to act on it */
    receipt_normal_id(id, ref);
    p.ref = str_c(ref);
    record_part(a, &p);
}

static void on_changed(void *arg, struct bind *b)
{
    struct sms_account *a = sms_account_of(arg, b);

    if (!bind_owned(b)) {
        list_for_each_safe(node, &a->live)
        {
            outgoing_stop(container_of(node, struct outgoing, node), BATCH_UNKNOWN, 0, true);
        }
    }
    if (bind_wish_of(b) != BIND_RUN)
        sender_return(a);
    takeover_step(a);
    sender_wake(a);
}

static void on_room(void *arg, struct bind *b)
{
    struct sms_account *a = sms_account_of(arg, b);

    if (a->more)
        sender_wake(a);
}

static bool on_quiet(void *arg, const struct bind *b)
{
    const struct sms_account *a = sms_account_of(arg, b);

    return sender_idle(a) && record_idle(a) && receiver_idle(a) && takeover_idle(a);
}

const struct bind_client_ops sms_client_ops = {
    .fill = on_fill,
    .done = on_done,
    .over = on_over,
    .late = on_late,
    .changed = on_changed,
    .room = on_room,
    .quiet = on_quiet,
};

/* ---- claiming ---- */

static int outgoing_make(struct sms_account *a, struct op *op, int row, struct outgoing *o,
                         struct err *e)
{
    if (claimed_read(a, op, row, o, e) != 0)
        return -1;
    o->job.client = BIND_SMS;
    o->job.key = o->id;
    o->job.reader = map_hash(str_c(o->number));
    o->job.parts = (uint8_t)compose_parts(a->link, &o->seg);
    loop_timer_init(&o->again, a->s->loop, on_again, o);
    o->filled = calloc(o->job.parts + 1u, sizeof *o->filled);
    if (o->filled == NULL)
        abort();
    return 0;
}

/* One curly quote turns a chapter of 10 parts into 23: counted, told once an account. */
static void note_costly(struct sms_account *a, const struct segment *seg)
{
    if (seg->lost > 0 || seg->folded_parts == 0 || seg->folded_parts >= seg->parts)
        return;
    counter_inc(&costly);
    if (!a->costly_told)
        log_warn(NULL, "text sent in UCS-2 would be shorter folded",
                 "account=%s parts=%u folded=%u", a->link->account, seg->parts, seg->folded_parts);
    a->costly_told = true;
}

static void take_row(struct sms_account *a, struct op *op, int row)
{
    struct outgoing *o = calloc(1, sizeof *o);
    struct err e;

    if (o == NULL)
        abort();
    o->account = a;
    o->id = claimed_id(op, row);
    if (outgoing_make(a, op, row, o, &e) != 0) {
        struct batch_part p = {.message = o->id,
                               .no = 1,
                               .of = 1,
                               .status = BATCH_FAILED,
                               .code = OUR_FAULT,
                               .ref = STR_EMPTY};

        log_err(LOG_LEVEL_ERROR, NULL, "message cannot be sent", &e);
        counter_inc(&unsent);
        record_part(a, &p);
        free(o);
        return;
    }
    counter_inc(counter_with(&messages, class_labels[o->job.class]));
    note_costly(a, &o->seg);
    a->average = a->average - a->average / AVERAGE_ONE + o->job.parts;
    list_push_back(&a->live, &o->node);
    a->live_count++;
    bind_submit(a->bind, &o->job);
}

/* Parts we may have in hand: half a second of the contract (M). */
static unsigned budget(const struct sms_account *a)
{
    int64_t rate = a->link->rate;

    return rate == 0 ? NO_LIMIT : (unsigned)MAX(rate / 2, 1);
}

static unsigned claim_size(const struct sms_account *a)
{
    if (a->live_count >= LIVE_MAX)
        return 0;
    unsigned in_hand = bind_waiting(a->bind), room = budget(a);
    unsigned average = MAX(a->average / AVERAGE_ONE, 1);

    if (in_hand > room / 2) /* fewer, larger claims */
        return 0;
    return MIN(MAX((room - in_hand) / average, 1), CLAIM_MAX);
}

static void on_claimed(struct op *op)
{
    struct sms_account *a = container_of(op, struct sms_account, claim_op);

    a->more = false;
    if (op_failed(op)) {
        log_err(LOG_LEVEL_WARN, NULL, "outbox not claimed", &op->err);
        if (op->unknown) { /* it may still be running there */
            a->hand_back = true;
            a->back_at = loop_now_ms(a->s->loop) + LOST_CLAIM_MS;
        }
    } else if (bind_owned(a->bind) && takeover_ready(a) && a->claim_epoch == a->ready_epoch) {
        for (int row = 0; row < pg_rows(op); row++)
            take_row(a, op, row);
        a->more = pg_rows(op) > 0;
        if (a->s->draining || bind_wish_of(a->bind) != BIND_RUN)
            sender_return(a);
    } /* else: another epoch settles these rows */
    op_release(op);
    takeover_step(a);
}

void sender_wake(struct sms_account *a)
{
    unsigned max;

    if (a->s->draining || !bind_held(a->bind) || !bind_up(a->bind) || !takeover_ready(a) ||
        a->hand_back || a->record.failures > 0 || record_behind(a) || op_pending(&a->claim_op) ||
        (max = claim_size(a)) == 0)
        return; /* a batch tried again must not meet a row that left and came back meanwhile */
    claimed_ask(a, max);
}

/* ---- what waited too long ---- */

void sender_expire(struct sms_account *a)
{
    int64_t now = loop_now_ms(a->s->loop);

    list_for_each_safe(node, &a->live)
    {
        struct outgoing *o = container_of(node, struct outgoing, node);

        if (now >= o->ends_at && o->job.left > 0)
            outgoing_stop(o, BATCH_RETRY, 0, false);
    }
}

/* ---- STOP ---- */

static struct outgoing *outgoing_find(struct sms_account *a, uint64_t id)
{
    list_for_each(node, &a->live)
    {
        struct outgoing *o = container_of(node, struct outgoing, node);

        if (o->id == id)
            return o;
    }
    return NULL;
}

static void on_cancelled(struct op *op)
{
    struct sms_account *a = container_of(op, struct sms_account, cancel_op);

    for (int row = 0; row < pg_rows(op); row++) {
        struct outgoing *o = outgoing_find(a, (uint64_t)pg_i64(op, row, 0));

        if (o != NULL)
            outgoing_stop(o, BATCH_CANCELLED, 0, false);
    }
    op_release(op);
}

void sender_ask_cancelled(struct sms_account *a)
{
    struct pg_params p;

    if (list_empty(&a->live) || op_pending(&a->cancel_op))
        return;
    pg_params_init(&p);
    pg_p_text(&p, a->link->account);
    sms_exec(a, &a->cancel_op, &cancelled_stmt, &p);
}

/* ---- life ---- */

void sender_init(struct sms_account *a)
{
    list_init(&a->live);
    a->average = AVERAGE_ONE;
    crypto_random(a->refs, sizeof a->refs);
    op_init(&a->claim_op, a->s->loop, on_claimed);
    op_init(&a->cancel_op, a->s->loop, on_cancelled);
}

/* What was begun is ended by the carrier's answers; at an end of ours what of it waits is asked for once
 * more, now. */
void sender_return(struct sms_account *a)
{
    list_for_each_safe(node, &a->live)
    {
        struct outgoing *o = container_of(node, struct outgoing, node);

        if (!o->touched && o->job.flying == 0) {
            a->hand_back = true;
            outgoing_stop(o, BATCH_RETRY, 0, true);
        } else if (leaves(a) && loop_timer_is_set(&o->again)) {
            loop_timer_set(&o->again, 0);
        }
    }
    takeover_step(a);
}

void sender_give_up(struct sms_account *a)
{
    list_for_each_safe(node, &a->live)
    {
        outgoing_stop(container_of(node, struct outgoing, node), BATCH_RETRY, OUR_FAULT, false);
    }
}

bool sender_idle(const struct sms_account *a)
{
    return list_empty(&a->live) && !op_pending(&a->claim_op);
}

void sender_fini(struct sms_account *a)
{
    op_cancel(&a->claim_op);
    op_release(&a->claim_op);
    op_cancel(&a->cancel_op);
    op_release(&a->cancel_op);
    list_for_each_safe(node, &a->live)
    {
        struct outgoing *o = container_of(node, struct outgoing, node);

        bind_forget(a->bind, &o->job);
        outgoing_free(o);
    }
}

void sender_forget_counters(void)
{
    counter_forget(&messages);
    counter_forget(&parts);
    counter_forget(&unsent);
    counter_forget(&unanswered);
    counter_forget(&took);
    counter_forget(&costly);
}
