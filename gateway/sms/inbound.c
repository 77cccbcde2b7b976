/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts from readers. Parts of a long one are put together first; then keyword and argument run in one
 * transaction with their reply (messaging.inbound), and the carrier hears that we have it after the
 * commit only. A text that could not be stored is answered ESME_RX_T_APPN and comes again; one put
 * together from parts is kept here and tried again, since its other parts are acknowledged already.
 * Which of two deliveries is a repetition: gateway/binds/repeat.h.
 */
#include <stdlib.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/map.h"
#include "gateway/lib/reader_code.h"
#include "gateway/sms/sms_parts.h"
#include "smpp/alphabet.h"

#define KEEP_TRYING 60 /* times, a second apart, for a text put together from parts */
#define TEXT_MAX    4096

PG_STMT(
    inbound_stmt, "sms.inbound", PG_WRITE, 10,
    "select outcome from messaging.inbound_text($1, $2, $3, $4::int, $5, $6, $7, $8, $9::bytea[], $10)");

static struct counter texts = COUNTER("coko_sms_mo_total", "Texts from readers by outcome");

/* One text whose transaction runs, or that waits to be tried again. */
struct incoming {
    struct list node;
    struct sms_account *a;
    struct bind_delivery delivery;
    bool joined; /* from several parts */
    unsigned tries;
    struct op op;
    struct loop_timer again;
    struct keyword word;
    char macs[READER_CODE_MACS_MAX]; /* "": no code was sent */
    struct repeat *first;
    uint64_t hash;
    uint8_t lookup[32], dedupe[32];
    char sealed[SEAL_OVERHEAD + MSISDN_MAX];
    size_t sealed_len;
    char country[3];
    char network[MSISDN_NETWORK_MAX + 1];
};

static void count_outcome(const char *outcome)
{
    char label[48];
    struct buf b;

    buf_init_fixed(&b, label, sizeof label);
    buf_addf(&b, "outcome=\"%.24s\"", outcome);
    counter_inc(counter_with(&texts, buf_cstr(&b)));
}

/* ---- the transaction ---- */

static void incoming_free(struct incoming *in)
{
    list_remove(&in->node);
    in->a->s->inbound_count--;
    loop_timer_clear(&in->again);
    free(in);
}

static void incoming_run(struct incoming *in)
{
    struct pg_params p;
    uint32_t key_id = seal_ring_id(in->a->s->ring, 0);

    pg_params_init(&p);
    pg_p_text(&p, in->a->link->account);
    pg_p_bytea(&p, in->lookup, sizeof in->lookup);
    pg_p_bytea(&p, in->sealed, in->sealed_len);
    pg_p_int(&p, key_id);
    pg_p_text(&p, in->country);
    pg_p_text(&p, in->network);
    pg_p_text(&p, in->word.word);
    pg_p_text(&p, in->word.arg);
    pg_p_text(&p, *in->macs ? in->macs : NULL);
    pg_p_bytea(&p, in->dedupe, sizeof in->dedupe);
    pg_exec(in->a->s->pg, &in->op, &inbound_stmt, &p);
}

static void on_again(void *arg)
{
    incoming_run(arg);
}

static void on_not_stored(struct incoming *in)
{
    log_err(LOG_LEVEL_WARN, NULL, "text not stored", &in->op.err);
    op_release(&in->op);
    if (in->joined && in->tries++ < KEEP_TRYING) {
        loop_timer_set(&in->again, 1000);
        return;
    }
    count_outcome("sent_back");
    bind_answer(&in->delivery, SMPP_RX_T_APPN);
    incoming_free(in);
}

static void on_inbound(struct op *op)
{
    struct incoming *in = container_of(op, struct incoming, op);
    struct sms_account *a = in->a;

    if (op_failed(op)) {
        on_not_stored(in);
        return;
    }
    count_outcome(pg_text(op, 0, 0));
    op_release(op);
    repeat_stored(in->first, in->hash, &in->delivery, loop_now_ms(a->s->loop));
    bind_answer(&in->delivery, SMPP_ROK);
    incoming_free(in);
    pg_wake_dirty(a->s->pg, SMS_WAKE_TOPIC);
    sender_ask_cancelled(a); /* it may have been STOP */
    sender_wake(a);
}

/* ---- from PDU to row ---- */

static struct str source_of(const struct pdu *pdu)
{
    return pdu->shape == PDU_SHAPE_data ? pdu->data.source : pdu->sm.source;
}

static void name_it(struct incoming *in, const struct pdu *pdu, struct str text)
{
    struct sms *s = in->a->s;
    struct str to = pdu->shape == PDU_SHAPE_data ? pdu->data.dest : pdu->sm.dest;
    struct buf b;

    buf_init(&b, TEXT_MAX + 512);
    buf_adds(&b, str_c(in->a->link->account));
    buf_addc(&b, 0);
    buf_adds(&b, source_of(pdu));
    buf_addc(&b, 0);
    buf_adds(&b, to);
    buf_addc(&b, 0);
    buf_adds(&b, text);
    in->hash = map_hash(buf_str(&b));
    in->first = repeat_of(&s->repeats, in->hash, &in->delivery, loop_now_ms(s->loop));
    buf_addc(&b, 0);
    buf_add_i64(&b, in->first->nonce);
    seal_lookup(s->ring, STR("sms inbound"), buf_str(&b), in->dedupe);
    buf_wipe(&b);
}

static void seal_number(struct incoming *in, const struct msisdn *number)
{
    const struct seal_ring *ring = in->a->s->ring;
    struct str digits = str_c(number->digits);
    struct buf b;

    seal_lookup(ring, STR("phone"), digits, in->lookup);
    buf_init_fixed(&b, in->sealed, sizeof in->sealed);
    seal_close(ring, STR("auth.identity"), digits, &b);
    in->sealed_len = b.len;
    msisdn_network(STR_EMPTY, number, in->network);
    memcpy(in->country, *number->country ? number->country : in->a->link->country,
           strnlen(*number->country ? number->country : in->a->link->country, 2));
}

/* What has the form of a code is given to the database as its keyed hashes and nothing else (S5). */
static void take_code(struct incoming *in)
{
    char code[READER_CODE_MAX + 1];

    if (!reader_code_read(str_c(in->word.arg), code))
        return;
    reader_code_macs(in->a->s->ring, str_c(code), in->macs);
    crypto_wipe(code, sizeof code);
    crypto_wipe(in->word.arg, sizeof in->word.arg);
}

static void take_text(struct sms_account *a, const struct bind_delivery *d, const struct pdu *pdu,
                      struct str text, bool joined)
{
    struct msisdn number;
    struct incoming *in;
    struct err e;

    if (msisdn_parse(source_of(pdu), a->link->country, &number, &e) != 0) {
        count_outcome("no_number"); /* a service's name: nobody to answer */
        bind_answer(d, SMPP_ROK);
        return;
    }
    in = calloc(1, sizeof *in);
    if (in == NULL)
        abort();
    in->a = a;
    in->delivery = *d;
    in->joined = joined;
    list_push_back(&a->s->inbound, &in->node);
    a->s->inbound_count++;
    op_init(&in->op, a->s->loop, on_inbound);
    loop_timer_init(&in->again, a->s->loop, on_again, in);
    seal_number(in, &number);
    keyword_parse(text, &in->word);
    take_code(in);
    name_it(in, pdu, text);
    incoming_run(in);
}

/* True: the whole text is in out. Answers the delivery otherwise. */
static bool join_parts(struct sms_account *a, const struct bind_delivery *d, const struct pdu *pdu,
                       const struct concat *c, enum alphabet alphabet, struct buf *out)
{
    int64_t now = loop_now_ms(a->s->loop);
    enum reassembly_result r;

    (void)reassembly_expire(&a->s->parts, now);
    r = reassembly_add(&a->s->parts, str_c(a->link->account), pdu, c, alphabet, now, out);
    if (r == REASSEMBLY_COMPLETE)
        return true;
    bind_answer(d, SMPP_ROK);
    return false;
}

void inbound_on_text(void *arg, const struct bind_delivery *d, const struct pdu *pdu)
{
    struct sms_account *a = sms_account_of(arg, d->bind);
    uint8_t coding = pdu->shape == PDU_SHAPE_data ? pdu->data.data_coding : pdu->sm.data_coding;
    enum alphabet alphabet = alphabet_of(coding, (enum alphabet)a->link->alphabet);
    struct concat c;
    struct buf text;

    if (a->s->inbound_count >= SMS_INBOUND_MAX) { /* before it is taken into a long text */
        count_outcome("sent_back");
        bind_answer(d, SMPP_RX_T_APPN);
        return;
    }
    concat_parse(pdu, &c);
    if (c.ported) {
        count_outcome("not_for_people");
        bind_answer(d, SMPP_ROK);
        return;
    }
    buf_init(&text, TEXT_MAX);
    if (c.width == 0)
        (void)alphabet_decode_shifted(alphabet, c.shift, c.text, &text);
    if (c.width == 0 || join_parts(a, d, pdu, &c, alphabet, &text))
        take_text(a, d, pdu, buf_str(&text), c.width != 0);
    buf_wipe(&text);
}

void inbound_fini(struct sms *s)
{
    list_for_each_safe(node, &s->inbound)
    {
        struct incoming *in = container_of(node, struct incoming, node);

        op_cancel(&in->op);
        op_release(&in->op);
        incoming_free(in);
    }
}

void inbound_forget_counters(void)
{
    counter_forget(&texts);
}
