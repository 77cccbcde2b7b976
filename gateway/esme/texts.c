/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers' texts to numbers of ESMEs (`numbers` of their sections), from whichever carrier delivers
 * them to whichever bind of the ESME receives:
 *
 *   deliver_sm of a carrier --messaging.esme_text_put, commit--> answered 0    not stored: 0x64, the
 *        |                                                                     carrier keeps it
 *        v  DUE --take--> on a bind --resp 0--> gone; else as a receipt (deliver.c)
 *
 * A text goes as it came, a long one in its parts, in any order: octets, data_coding, header or SAR
 * parameters; its number is made international, and a data_coding 0 that is another alphabet at the
 * carrier than at the ESME becomes the one that names it. No keyword is looked for in it: STOP to an
 * ESME's number is the ESME's to honour. The carrier's worker stores, the listener's worker takes;
 * rows are sealed.
 */
#include <assert.h>
#include <stdlib.h>

#include "gateway/esme/esme_parts.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"
#include "gateway/lib/map.h"
#include "gateway/lib/msisdn.h"
#include "smpp/alphabet.h"

#define STORING_MAX 200  /* texts whose statement runs */
#define TEXT_MAX    8192 /* octets of a PDU */
#define TLVS_MAX    12
#define DEADLINE_MS 8000
#define AAD         STR("esme.text")

enum { TON_INTERNATIONAL = 1, NPI_ISDN = 1 };

PG_STMT(put_stmt, "esme.text_put", PG_WRITE, 3, "select messaging.esme_text_put($1, $2, $3)");
PG_STMT(take_stmt, "esme.take_texts", PG_BATCH, 3,
        "select text_id, pdu_sealed from messaging.esme_take_texts($1, $2, $3::int)");

static struct counter texts =
    COUNTER("coko_esme_texts_total", "Readers' texts to ESMEs by outcome");

/* One that is being stored. */
struct storing {
    struct list node;
    struct esme *s;
    struct bind_delivery delivery;
    struct op op;
    struct repeat *first;
    uint64_t hash;
};

/* ---- whose it is ---- */

bool esme_has_number(const struct esme_config *c, const char *number)
{
    char one[ESME_SOURCE_MAX + 1];
    const char *kind;

    for (size_t i = 0; i < c->numbers.n; i++) {
        if (esme_source_read(str_c(c->numbers.v[i]), 0, one, &kind) == 0 &&
            strcmp(one, number) == 0)
            return true;
    }
    return false;
}

static struct esme_account *owner_of(struct esme *s, const struct pdu *pdu)
{
    bool data = pdu->shape == PDU_SHAPE_data;
    char number[ESME_SOURCE_MAX + 1];
    const char *kind;

    if (esme_source_read(data ? pdu->data.dest : pdu->sm.dest,
                         data ? pdu->data.dest_ton : pdu->sm.dest_ton, number, &kind) != 0 ||
        *number == '\0')
        return NULL;
    for (size_t i = 0; i < s->naccounts; i++) {
        if (!s->accounts[i]->gone && esme_has_number(&s->accounts[i]->config, number))
            return s->accounts[i];
    }
    return NULL;
}

static bool is_forwarded(void *arg, const struct pdu *pdu)
{
    return owner_of(arg, pdu) != NULL;
}

/* ---- from the carrier to a row ---- */

/* What tells a part from another, and what a text is; the rest is between the carrier and us. */
static bool goes_on(uint16_t tag)
{
    switch (tag) {
    case SMPP_TAG_MESSAGE_PAYLOAD:
    case SMPP_TAG_SAR_MSG_REF_NUM:
    case SMPP_TAG_SAR_TOTAL_SEGMENTS:
    case SMPP_TAG_SAR_SEGMENT_SEQNUM:
    case SMPP_TAG_SOURCE_PORT:
    case SMPP_TAG_DESTINATION_PORT:
    case SMPP_TAG_USER_MESSAGE_REFERENCE:
    case SMPP_TAG_USER_RESPONSE_CODE:
    case SMPP_TAG_LANGUAGE_INDICATOR:
    case SMPP_TAG_PAYLOAD_TYPE: return true;
    default: return false;
    }
}

static size_t tlvs_of(const struct pdu *p, struct smpp_tlv out[TLVS_MAX])
{
    struct str rest = p->tlvs;
    size_t n = 0;

    while (n < TLVS_MAX && pdu_tlv_next(&rest, &out[n]))
        n += goes_on(out[n].tag);
    return n;
}

/* GSM-7 and UTF-8 have no name of their own. */
static uint8_t coding_of(uint8_t coding, enum alphabet carrier, enum alphabet esme)
{
    if (coding != 0 || carrier == esme)
        return coding;
    switch (carrier) {
    case ALPHABET_ASCII: return 1;
    case ALPHABET_LATIN1: return 3;
    case ALPHABET_UCS2: return 8;
    default: return coding;
    }
}

static void read_sm(struct pdu_sm *to, const struct pdu *from)
{
    if (from->shape == PDU_SHAPE_data) {
        to->source = from->data.source;
        to->source_ton = from->data.source_ton;
        to->source_npi = from->data.source_npi;
        to->dest = from->data.dest;
        to->dest_ton = from->data.dest_ton;
        to->dest_npi = from->data.dest_npi;
        to->esm_class = from->data.esm_class & SMPP_ESM_UDHI;
        to->data_coding = from->data.data_coding;
        return;
    }
    *to = from->sm;
    to->esm_class &= SMPP_ESM_UDHI;
    to->service_type = to->schedule = to->validity = STR_EMPTY;
    to->registered_delivery = to->replace_if_present = to->default_msg_id = 0;
}

/* The deliver_sm that the ESME will get, sealed. -1: it does not fit. */
static int seal_text(const struct esme_account *a, const struct bind_delivery *d,
                     const struct pdu *from, struct buf *out, struct err *e)
{
    const struct bind_config *link = bind_config_of(d->bind);
    struct smpp_tlv tlvs[TLVS_MAX];
    struct msisdn number;
    struct buf clear;
    struct pdu p;
    int rc;

    pdu_start(&p, SMPP_DELIVER_SM, 0, 0);
    read_sm(&p.sm, from);
    p.sm.data_coding = coding_of(p.sm.data_coding, (enum alphabet)link->alphabet,
                                 (enum alphabet)a->config.alphabet);
    if (msisdn_parse(p.sm.source, link->country, &number, e) == 0) {
        p.sm.source = str_c(number.digits);
        p.sm.source_ton = TON_INTERNATIONAL;
        p.sm.source_npi = NPI_ISDN;
    }
    buf_init(&clear, TEXT_MAX);
    rc = pdu_encode(&clear, &p, tlvs, tlvs_of(from, tlvs), e);
    if (rc == 0)
        seal_close(a->room->ring, AAD, buf_str(&clear), out);
    buf_wipe(&clear);
    crypto_wipe(&number, sizeof number);
    return rc;
}

/* The name of this delivery: the same octets from the same number, unless they are meant again. */
static void name_it(struct storing *t, const struct pdu *pdu, uint8_t dedupe[32])
{
    const char *account = bind_config_of(t->delivery.bind)->account;
    struct smpp_tlv tlvs[TLVS_MAX];
    size_t n = tlvs_of(pdu, tlvs);
    struct pdu_sm sm = {0};
    struct buf b;

    read_sm(&sm, pdu);
    buf_init(&b, PDU_MAX + 512);
    buf_puts(&b, account);
    buf_addc(&b, 0);
    buf_adds(&b, sm.source);
    buf_addc(&b, 0);
    buf_adds(&b, sm.dest);
    buf_addc(&b, 0);
    buf_adds(&b, sm.message);
    for (size_t i = 0; i < n; i++) {
        buf_addf(&b, " %x:", (unsigned)tlvs[i].tag);
        buf_adds(&b, tlvs[i].value);
    }
    t->hash = map_hash(buf_str(&b));
    t->first = repeat_of(&t->s->repeats, t->hash, &t->delivery, loop_now_ms(t->s->loop));
    buf_addc(&b, 0);
    buf_add_i64(&b, t->first->nonce);
    seal_lookup(t->s->ring, STR("esme text"), buf_str(&b), dedupe);
    buf_wipe(&b);
}

static void storing_free(struct storing *t)
{
    op_cancel(&t->op);
    op_release(&t->op);
    list_remove(&t->node);
    t->s->nstoring--;
    free(t);
}

static void on_stored(struct op *op)
{
    struct storing *t = container_of(op, struct storing, op);

    if (op_failed(op)) {
        log_err(LOG_LEVEL_WARN, NULL, "text to an esme not stored", &op->err);
        counter_inc(counter_with(&texts, "outcome=\"sent_back\""));
        bind_answer(&t->delivery, SMPP_RX_T_APPN);
    } else {
        counter_inc(counter_with(&texts, "outcome=\"stored\""));
        repeat_stored(t->first, t->hash, &t->delivery, loop_now_ms(t->s->loop));
        bind_answer(&t->delivery, SMPP_ROK);
        pg_wake_dirty(t->s->pg, ESME_TOPIC);
    }
    storing_free(t);
}

static void store(struct esme *s, struct esme_account *a, const struct bind_delivery *d,
                  const struct pdu *pdu, struct str sealed)
{
    struct storing *t = calloc(1, sizeof *t);
    struct pg_params p;
    uint8_t dedupe[32];

    if (t == NULL)
        abort();
    t->s = s;
    t->delivery = *d;
    list_push_back(&s->storings, &t->node);
    s->nstoring++;
    op_init(&t->op, s->loop, on_stored);
    name_it(t, pdu, dedupe);
    pg_params_init(&p);
    pg_p_text(&p, a->config.name);
    pg_p_bytea(&p, dedupe, sizeof dedupe);
    pg_p_bytea(&p, sealed.p, sealed.n);
    pg_exec(s->pg, &t->op, &put_stmt, &p);
}

static void on_text(void *arg, const struct bind_delivery *d, const struct pdu *pdu)
{
    struct esme *s = arg;
    struct esme_account *a = owner_of(s, pdu);
    struct buf sealed;
    struct err e;

    assert(a != NULL); /* is_forwarded was asked in the same breath */
    if (s->nstoring >= STORING_MAX) {
        counter_inc(counter_with(&texts, "outcome=\"sent_back\""));
        bind_answer(d, SMPP_RX_T_APPN);
        return;
    }
    buf_init(&sealed, TEXT_MAX + SEAL_OVERHEAD);
    if (seal_text(a, d, pdu, &sealed, &e) == 0) {
        store(s, a, d, pdu, buf_str(&sealed));
    } else { /* it would come back for ever */
        log_err(LOG_LEVEL_WARN, NULL, "text to an esme refused", &e);
        counter_inc(counter_with(&texts, "outcome=\"refused\""));
        bind_answer(d, SMPP_RX_R_APPN);
    }
    buf_fini(&sealed);
}

/* ---- from the row to the ESME ---- */

static int send_text(struct esme *s, uint64_t peer, const struct op *op, int row, uint64_t tag,
                     struct err *e)
{
    uint8_t blob[TEXT_MAX + SEAL_OVERHEAD];
    ptrdiff_t n = pg_bytea(op, row, 1, blob, sizeof blob);
    struct smpp_tlv tlvs[TLVS_MAX];
    struct buf clear;
    struct pdu p;
    int rc;

    if (n < 0)
        return err_set(e, ERR_TOO_BIG, "sealed text");
    buf_init(&clear, TEXT_MAX);
    rc = seal_open(s->ring, AAD, str_n(blob, (size_t)n), &clear, e);
    if (rc == 0 && clear.len < PDU_HEADER)
        rc = err_set(e, ERR_BAD_INPUT, "stored text");
    if (rc == 0)
        rc = pdu_decode((const uint8_t *)clear.p, clear.len, &p, e);
    if (rc == 0)
        rc = smpp_server_deliver(s->server, peer, &p.sm, tlvs, tlvs_of(&p, tlvs), tag, e);
    buf_wipe(&clear);
    return rc;
}

static void give(struct esme_account *a, const struct op *op, int row)
{
    uint64_t tag = (uint64_t)pg_i64(op, row, 0) | ESME_TEXT_TAG;
    struct esme *s = a->room;
    struct esme_peer *p = s->server != NULL ? deliver_peer(a) : NULL;
    struct err e;

    s->flying++;
    if (p == NULL) {
        deliver_unanswered(s, tag, true);
    } else if (send_text(s, p->id, op, row, tag, &e) != 0) {
        log_err(LOG_LEVEL_ERROR, NULL, "text not given to its esme", &e);
        deliver_answered(s, NULL, tag, SMPP_RSYSERR, false);
    }
}

static void on_taken(struct op *op)
{
    struct esme_account *a = container_of(op, struct esme_account, texts.op);

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "texts to an esme not taken", &op->err);
    a->texts.more = pg_rows(op) > 0;
    a->texts.asked = 0;
    for (int row = 0; row < pg_rows(op); row++)
        give(a, op, row);
    op_release(op);
    if (a->texts.more)
        texts_take(a);
}

void texts_take(struct esme_account *a)
{
    struct pg_params p;
    unsigned room = deliver_room(a, &a->texts);

    if (room == 0)
        return;
    pg_params_init(&p);
    pg_p_text(&p, a->config.name);
    pg_p_text(&p, a->room->lease_name);
    pg_p_int(&p, room);
    pg_exec_opts(a->room->pg, &a->texts.op, &take_stmt, &p,
                 &(struct pg_exec_opts){.prio = PG_PRIO_NORMAL, .deadline_ms = DEADLINE_MS});
}

/* ---- life ---- */

void texts_account_init(struct esme_account *a)
{
    op_init(&a->texts.op, a->room->loop, on_taken);
}

void texts_account_fini(struct esme_account *a)
{
    op_cancel(&a->texts.op);
    op_release(&a->texts.op);
}

void texts_init(struct esme *s)
{
    list_init(&s->storings);
    if (s->binds == NULL || !*s->config->listen)
        return;
    binds_set_forward(s->binds, is_forwarded, s);
    binds_set_sink(s->binds, BIND_FORWARD, on_text, s);
}

bool texts_idle(const struct esme *s)
{
    for (size_t i = 0; i < s->naccounts; i++) {
        if (op_pending(&s->accounts[i]->texts.op))
            return false;
    }
    return list_empty(&s->storings);
}

void texts_fini(struct esme *s)
{
    if (s->binds != NULL) {
        binds_set_forward(s->binds, NULL, NULL);
        binds_set_sink(s->binds, BIND_FORWARD, NULL, NULL);
    }
    list_for_each_safe(node, &s->storings)
    {
        storing_free(container_of(node, struct storing, node));
    }
}

void texts_forget_counters(void)
{
    counter_forget(&texts);
}
