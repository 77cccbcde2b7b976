/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing one message of a dialogue by its dialect. See ussd.h.
 */
#include "smpp/ussd.h"

#include <string.h>

#include "gateway/lib/gsm.h"

#define END_BIT 1u

/* deliver_sm and data_sm, alike for us. */
struct envelope {
    struct str service_type, source, dest;
    uint8_t source_ton, source_npi, dest_ton, dest_npi, coding;
};

static struct envelope envelope_of(const struct pdu *pdu)
{
    if (pdu->shape == PDU_SHAPE_data)
        return (struct envelope){pdu->data.service_type, pdu->data.source,     pdu->data.dest,
                                 pdu->data.source_ton,   pdu->data.source_npi, pdu->data.dest_ton,
                                 pdu->data.dest_npi,     pdu->data.data_coding};
    return (struct envelope){pdu->sm.service_type, pdu->sm.source,     pdu->sm.dest,
                             pdu->sm.source_ton,   pdu->sm.source_npi, pdu->sm.dest_ton,
                             pdu->sm.dest_npi,     pdu->sm.data_coding};
}

/* ---- a delivery's kind ---- */

static bool kind_of_type(const struct dialect *d, struct str type, enum dialect_kind *kind)
{
    for (unsigned k = 0; k < DIALECT_KINDS; k++) {
        for (unsigned i = 0; i < d->heard[k].n; i++) {
            if (str_starts(type, str_c(d->heard[k].type[i]))) {
                *kind = (enum dialect_kind)k;
                return true;
            }
        }
    }
    return false;
}

static bool kind_of_op(const struct dialect *d, const struct pdu *pdu, enum dialect_kind *kind)
{
    uint32_t op;

    if (!pdu_tlv_number(pdu, SMPP_TAG_USSD_SERVICE_OP, &op))
        return false;
    for (unsigned k = 0; k < DIALECT_KINDS; k++) {
        for (unsigned i = 0; i < d->heard[k].n; i++) {
            if (op == d->heard[k].op[i]) {
                *kind = (enum dialect_kind)k;
                return true;
            }
        }
    }
    return false;
}

bool dialect_claims(const struct dialect *d, const struct pdu *pdu)
{
    enum dialect_kind kind;

    return d->by_service_type && kind_of_type(d, envelope_of(pdu).service_type, &kind);
}

/* ---- its session ---- */

static void set_key(struct dialect_talk *t, const uint8_t *key, size_t n)
{
    memcpy(t->key, key, n);
    t->key_len = (uint8_t)n;
}

static int read_info(const struct dialect *d, const struct pdu *pdu, struct dialect_talk *t,
                     struct err *e)
{
    bool wanted = d->key == DIALECT_SESSION_INFO || d->key == DIALECT_SESSION_NUMBER;
    struct str info;

    if (!pdu_tlv(pdu, SMPP_TAG_ITS_SESSION_INFO, &info) || info.n == 0)
        return wanted ? err_set(e, ERR_BAD_INPUT, "no its_session_info") : 0;
    if (info.n > DIALECT_INFO_MAX)
        return err_set(e, ERR_BAD_INPUT, "its_session_info of %zu octets", info.n);
    memcpy(t->peer.info, info.p, info.n);
    t->peer.info_len = (uint8_t)info.n;
    if (!wanted)
        return 0;
    set_key(t, t->peer.info, d->key == DIALECT_SESSION_NUMBER ? 1 : info.n);
    if (d->key == DIALECT_SESSION_INFO)
        t->key[info.n - 1] &= (uint8_t)~END_BIT;
    return 0;
}

static int read_reference(const struct dialect *d, const struct pdu *pdu, struct dialect_talk *t,
                          struct err *e)
{
    uint32_t n;

    if (!pdu_tlv_number(pdu, SMPP_TAG_USER_MESSAGE_REFERENCE, &n) || n > UINT16_MAX)
        return d->key == DIALECT_REFERENCE ? err_set(e, ERR_BAD_INPUT, "no user_message_reference")
                                           : 0;
    t->peer.has_reference = true;
    t->peer.reference = (uint16_t)n;
    if (d->key == DIALECT_REFERENCE)
        set_key(t, (uint8_t[]){(uint8_t)(n >> 8), (uint8_t)n}, 2);
    return 0;
}

static bool over(const struct dialect *d, const struct dialect_talk *t)
{
    return d->end_bit && t->peer.info_len > 0 && (t->peer.info[t->peer.info_len - 1] & END_BIT);
}

/* ---- the whole delivery ---- */

static int read_peer(const struct envelope *v, struct dialect_peer *p, struct err *e)
{
    if (v->source.n == 0 || !str_to_c(v->source, p->number, sizeof p->number) ||
        !str_to_c(v->dest, p->code, sizeof p->code))
        return err_set(e, ERR_BAD_INPUT, "an address that cannot be answered");
    p->number_ton = v->source_ton;
    p->number_npi = v->source_npi;
    p->code_ton = v->dest_ton;
    p->code_npi = v->dest_npi;
    return 0;
}

/* 3GPP 23.038 knows 0x0F as GSM-7; to SMPP it is reserved. */
static enum alphabet text_alphabet(uint8_t coding, enum alphabet smsc_default)
{
    return coding == 0x0F ? ALPHABET_GSM7 : alphabet_of(coding, smsc_default);
}

int dialect_decode(const struct dialect *d, const struct pdu *pdu, enum alphabet smsc_default,
                   struct dialect_talk *out, struct buf *text, struct err *e)
{
    struct envelope v = envelope_of(pdu);
    struct str octets = pdu_text(pdu, NULL);

    memset(out, 0, sizeof *out);
    if (!(d->by_service_type ? kind_of_type(d, v.service_type, &out->kind)
                             : kind_of_op(d, pdu, &out->kind)))
        return err_set(e, ERR_BAD_INPUT, "a kind of message this dialect does not know");
    if (read_peer(&v, &out->peer, e) != 0 || read_info(d, pdu, out, e) != 0 ||
        read_reference(d, pdu, out, e) != 0)
        return -1;
    if (octets.n > DIALECT_INPUT_MAX)
        return err_set(e, ERR_BAD_INPUT, "a text of %zu octets", octets.n);
    if (over(d, out))
        out->kind = DIALECT_ABORT;
    alphabet_decode(text_alphabet(v.coding, smsc_default), octets, text);
    return buf_check(text, e);
}

void dialect_ring(const struct dialect *d, struct str number, uint16_t session,
                  struct dialect_talk *out)
{
    uint8_t name[2] = {(uint8_t)(session >> 8), (uint8_t)(session & ~END_BIT)};

    memset(out, 0, sizeof *out);
    out->kind = DIALECT_BEGIN;
    out->peer.number_ton = out->peer.number_npi = 1; /* international, E.164 */
    (void)!str_to_c(number, out->peer.number, sizeof out->peer.number);
    if (d->key == DIALECT_REFERENCE) {
        out->peer.has_reference = true;
        out->peer.reference = (uint16_t)(name[0] << 8 | name[1]);
        set_key(out, name, sizeof name);
    } else if (d->key != DIALECT_SHORT_CODE) {
        name[1] = d->key == DIALECT_SESSION_NUMBER ? 0 : name[1];
        memcpy(out->peer.info, name, sizeof name);
        out->peer.info_len = sizeof name;
        set_key(out, name, d->key == DIALECT_SESSION_NUMBER ? 1 : sizeof name);
    }
}

/* ---- a reply ---- */

static void encode_gsm7(const struct dialect *d, struct str text, struct dialect_reply *r)
{
    char mem[4 * DIALECT_TEXT_MAX];
    struct buf folded;
    size_t fits;
    ssize_t n;

    buf_init_fixed(&folded, mem, sizeof mem);
    gsm_fold(text, &folded, 0);
    fits = gsm_cut(buf_str(&folded), MIN(d->limit, DIALECT_TEXT_MAX));
    n = gsm_encode(str_head(buf_str(&folded), fits), r->octets, sizeof r->octets);
    r->len = n > 0 ? (size_t)n : 0;
    r->cut = folded.failed || fits < folded.len;
}

static void encode_ucs2(const struct dialect *d, struct str text, struct dialect_reply *r)
{
    size_t fits = ucs2_cut(text, MIN(d->limit, DIALECT_TEXT_MAX / 2));
    struct buf units;

    buf_init_fixed(&units, r->octets, sizeof r->octets);
    ucs2_encode(str_head(text, fits), &units);
    r->len = units.len;
    r->cut = fits < text.n;
}

static void add_tlv(struct dialect_reply *r, uint16_t tag, const void *p, size_t n)
{
    r->tlvs[r->ntlvs++] = (struct smpp_tlv){.tag = tag, .value = str_n(p, n)};
}

static void add_session(const struct dialect *d, enum dialect_word word, struct dialect_reply *r)
{
    struct dialect_peer *to = &r->to;

    if (to->info_len > 0) {
        uint8_t *last = &to->info[to->info_len - 1];

        if (d->end_bit)
            *last = (uint8_t)((*last & ~END_BIT) | (word == DIALECT_CLOSE ? END_BIT : 0));
        add_tlv(r, SMPP_TAG_ITS_SESSION_INFO, to->info, to->info_len);
    }
    if (to->has_reference) {
        r->reference[0] = (uint8_t)(to->reference >> 8);
        r->reference[1] = (uint8_t)to->reference;
        add_tlv(r, SMPP_TAG_USER_MESSAGE_REFERENCE, r->reference, sizeof r->reference);
    }
}

void dialect_reply(const struct dialect *d, const struct dialect_peer *to, enum dialect_word word,
                   struct str text, struct dialect_reply *out)
{
    memset(out, 0, sizeof *out);
    out->to = *to;
    out->coding = d->coding;
    out->service_type = d->by_service_type ? d->said[word].type : d->service_type;
    out->op = d->said[word].op;
    if (d->ucs2)
        encode_ucs2(d, text, out);
    else
        encode_gsm7(d, text, out);
    if (!d->by_service_type)
        add_tlv(out, SMPP_TAG_USSD_SERVICE_OP, &out->op, 1);
    add_session(d, word, out);
}

void dialect_submit(const struct dialect_reply *r, struct pdu_sm *sm)
{
    sm->service_type = str_c(r->service_type);
    sm->source = str_c(r->to.code);
    sm->source_ton = r->to.code_ton;
    sm->source_npi = r->to.code_npi;
    sm->dest = str_c(r->to.number);
    sm->dest_ton = r->to.number_ton;
    sm->dest_npi = r->to.number_npi;
    sm->data_coding = r->coding;
    sm->message = str_n(r->octets, r->len);
}
