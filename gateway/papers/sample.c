/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sample.h.
 */
#include "gateway/papers/sample.h"

#include <stdio.h>

#include "gateway/lib/basenc.h"
#include "gateway/papers/rehearsal.h"
#include "smpp/ussd.h"

#define ROW(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- facts ---- */

static const char *first(const char *a, const char *b, const char *c)
{
    return *a ? a : *b ? b : c;
}

void carrier_facts_fill(struct carrier_facts *f, const struct carrier_words *w,
                        const struct ussd_carrier_config *c, const struct profile *p,
                        const struct menu *m)
{
    struct str url = str_c(first(w->url, c ? c->url : "", "https://YOUR-COKO"));
    ptrdiff_t at = str_find(url, STR("/ussd/"));

    *f = (struct carrier_facts){.html = w->html};
    url = at < 0 ? url : str_head(url, (size_t)at); /* the section's own has the secret in it */
    while (str_ends(url, STR("/")))
        url.n--;
    snprintf(f->path, sizeof f->path, "/ussd/%s/SECRET", p->name);
    snprintf(f->url, sizeof f->url, "%" STR_FMT "%s", STR_ARG(str_head(url, 300)), f->path);
    f->code = first(w->code, c ? c->short_code : "", "*384*26#");
    f->country = first(w->country, c ? c->country : "", p->country);
    phone_example(f->country, f->number);
    if (*w->lang)
        snprintf(f->lang, sizeof f->lang, "%s", w->lang);
    else
        snprintf(f->lang, sizeof f->lang, "%" STR_FMT, STR_ARG(menu_lang(m, 0)));
}

/* ---- SMPP ---- */

static const char *const heard[DIALECT_KINDS] = {[DIALECT_BEGIN] = "a dialogue begins",
                                                 [DIALECT_ANSWER] = "the subscriber answers",
                                                 [DIALECT_TOLD] = "he has read what we told",
                                                 [DIALECT_ABORT] = "the dialogue was ended"};
static const char *const said[DIALECT_WORDS] = {
    [DIALECT_ASK] = "a screen that waits for an answer",
    [DIALECT_CLOSE] = "the last screen",
    [DIALECT_PUSH_ASK] = "we begin, and wait for an answer",
    [DIALECT_PUSH_TELL] = "we tell, and want no answer"};

static void word_text(const struct dialect *d, uint8_t op, const char *type, char out[32])
{
    if (d->by_service_type)
        snprintf(out, 32, "`%s`", type);
    else
        snprintf(out, 32, "`%u` (0x%02X)", op, op);
}

static void dialect_table(struct document *doc, const struct dialect *d)
{
    static const char *const keys[] = {
        [DIALECT_SESSION_INFO] = "its_session_info (0x1383), brought back but for its last bit",
        [DIALECT_SESSION_NUMBER] = "the first octet of its_session_info (0x1383)",
        [DIALECT_REFERENCE] = "user_message_reference (0x0204)",
        [DIALECT_SHORT_CODE] = "nothing: one dialogue for a number and a code"};
    char word[32];

    document_section(doc, "2. The dialect");
    document_table(doc, ROW("what", "value"));
    document_row(doc, ROW("names the dialogue", keys[d->key]));
    document_row(doc, ROW("says what a message is",
                          d->by_service_type ? "service_type" : "ussd_service_op (0x0501)"));
    document_row(doc, ROW("ends a dialogue besides",
                          d->end_bit ? "bit 0 of its_session_info, both ways" : "nothing"));
    snprintf(word, sizeof word, "%u, %s", d->coding, d->ucs2 ? "UCS-2" : "GSM 03.38");
    document_row(doc, ROW("data_coding of our texts", word));
    document_table_end(doc);
    document_table(doc, ROW("from", d->by_service_type ? "service_type" : "op", "means"));
    for (int k = 0; k < DIALECT_KINDS; k++) {
        for (unsigned i = 0; i < d->heard[k].n; i++) {
            word_text(d, d->heard[k].op[i], d->heard[k].type[i], word);
            document_row(doc, ROW("you", word, heard[k]));
        }
    }
    for (int k = 0; k < DIALECT_WORDS; k++) {
        word_text(d, d->said[k].op, d->said[k].type, word);
        document_row(doc, ROW("us", word, said[k]));
    }
    document_table_end(doc);
}

static void pdu_block(struct document *doc, const char *kind, const struct pdu *pdu,
                      const struct smpp_tlv *tlvs, size_t ntlvs)
{
    struct buf b, hex;
    struct err e = {0};

    buf_init(&b, PDU_MAX);
    buf_init(&hex, 2 * PDU_MAX);
    if (pdu_encode(&b, pdu, tlvs, ntlvs, &e) == 0)
        hex_encode(&hex, (const uint8_t *)b.p, b.len);
    document_block(doc, kind, buf_str(&hex));
    buf_fini(&b);
    buf_fini(&hex);
}

/* The carrier's message, in the dialect's first word for its kind. */
static void deliver(struct document *doc, const struct dialect *d, const struct dialect_peer *peer,
                    enum dialect_kind kind, struct str text, uint32_t seq)
{
    static const uint8_t reference[2] = {0, 2};
    struct smpp_tlv tlvs[2];
    size_t n = 0;
    struct pdu pdu;

    pdu_start(&pdu, SMPP_DELIVER_SM, 0, seq);
    pdu.sm.service_type = str_c(d->by_service_type ? d->heard[kind].type[0] : d->service_type);
    pdu.sm.source = str_c(peer->number);
    pdu.sm.source_ton = pdu.sm.source_npi = 1;
    pdu.sm.dest = str_c(peer->code);
    pdu.sm.message = text;
    if (!d->by_service_type)
        tlvs[n++] = (struct smpp_tlv){SMPP_TAG_USSD_SERVICE_OP, str_n(d->heard[kind].op, 1)};
    if (d->key == DIALECT_REFERENCE)
        tlvs[n++] = (struct smpp_tlv){SMPP_TAG_USER_MESSAGE_REFERENCE, str_n(reference, 2)};
    else if (d->key != DIALECT_SHORT_CODE)
        tlvs[n++] = (struct smpp_tlv){SMPP_TAG_ITS_SESSION_INFO, str_n(peer->info, peer->info_len)};
    pdu_block(doc, "deliver_sm", &pdu, tlvs, n);
}

static void submit(struct document *doc, const struct dialect *d, const struct dialect_peer *peer,
                   bool end, struct str text, uint32_t seq)
{
    struct dialect_reply reply;
    struct pdu pdu;

    dialect_reply(d, peer, end ? DIALECT_CLOSE : DIALECT_ASK, text, &reply);
    pdu_start(&pdu, SMPP_SUBMIT_SM, 0, seq);
    dialect_submit(&reply, &pdu.sm);
    pdu_block(doc, "submit_sm", &pdu, reply.tlvs, reply.ntlvs);
    document_text(doc, "which the subscriber reads as:");
    document_block(doc, "screen", text);
}

static void exchange(struct document *doc, const struct profile *p, const struct menu *m,
                     const struct carrier_facts *f)
{
    const struct rehearsal_of of = {.profile = p,
                                    .menu = m,
                                    .sim = {.number = f->number, .code = f->code},
                                    .url = f->url,
                                    .lang = f->lang};
    struct rehearsal *r = rehearsal_new(&of);
    const struct str one = STR("1");
    struct dialect_talk talk;
    struct str text;
    struct err e = {0};
    bool end;

    dialect_ring(&p->dialect, str_c(f->number), 2, &talk);
    (void)!str_to_c(str_c(f->code), talk.peer.code, sizeof talk.peer.code);
    if (rehearsal_screen(r, NULL, &text, &end, &e) == 0) {
        document_text(doc, "A reader dials for the first time:");
        deliver(doc, &p->dialect, &talk.peer, DIALECT_BEGIN, str_c(f->code), 1);
        submit(doc, &p->dialect, &talk.peer, end, text, 1);
    }
    if (rehearsal_screen(r, &one, &text, &end, &e) == 0) {
        document_text(doc, "He answers 1:");
        deliver(doc, &p->dialect, &talk.peer, DIALECT_ANSWER, one, 2);
        submit(doc, &p->dialect, &talk.peer, end, text, 2);
    }
    rehearsal_free(r);
}

void sample_smpp(struct document *d, const struct profile *p, const struct menu *m,
                 const struct carrier_facts *f)
{
    dialect_table(d, &p->dialect);
    document_section(d, "3. Rules");
    document_text(
        d,
        "Each deliver_sm is answered at once; the screen follows as one submit_sm within "
        "%u ms, never split, without a receipt and never tried again. It is left out when "
        "the dialogue moves on before. The same PDU again within 1.5 s is one message.",
        p->deadline_ms);
    document_text(
        d, "A message of a kind that section 2 does not name, or without the dialogue's name, is "
           "answered ESME_RX_P_APPN; ESME_RMSGQFUL is asked to come again.");
    document_section(d, "4. Sample exchange");
    document_text(
        d, "PDUs in hex; `coko smpp decode HEX` reads them. The sequence numbers are examples.");
    exchange(d, p, m, f);
}
