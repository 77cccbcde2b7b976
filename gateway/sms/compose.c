/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See compose.h.
 */
#include "gateway/sms/compose.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/crypto.h"

#define DAY            86400
#define DAYS_MAX       28
#define REFERENCE_STEP 257 /* more than a message has parts */
#define REGISTER       1   /* registered_delivery: a receipt whatever happens (M2) */

/* What a message centre that reads another data_coding 0 cannot show is folded too. */
static unsigned fold_flags(int plain)
{
    switch (plain) {
    case ALPHABET_ASCII: return GSM_FOLD_ASCII;
    case ALPHABET_LATIN1: return GSM_FOLD_BASIC;
    default: return 0;
    }
}

static bool has_header(const struct bind_config *link)
{
    return link->concat == BIND_CONCAT_UDH8 || link->concat == BIND_CONCAT_UDH16;
}

static int marks_of(const struct bind_config *link)
{
    if (link->concat != BIND_CONCAT_NONE)
        return SEGMENT_UNMARKED;
    return link->marks == 0 ? SEGMENT_MARK_BEFORE : SEGMENT_MARK_BEHIND;
}

static struct segment_opts opts_of(const struct bind_config *link, uint16_t ref)
{
    return (struct segment_opts){.ref16 = link->concat == BIND_CONCAT_UDH16,
                                 .ref = ref,
                                 .marks = marks_of(link),
                                 .tables = has_header(link) ? (unsigned)link->tables : 0,
                                 .plain = (enum alphabet)link->plain,
                                 .latin1 = link->latin1,
                                 .astral = link->astral};
}

/* Ways to write a text, and which of them a rule tries, in this order. */
enum way { WAY_END, AS_IT_IS, SIGNS_FOLDED, FOLDED };

#define WAYS_MAX 4

static const uint8_t ways[][WAYS_MAX] = {[COMPOSE_AS_LINK] = {AS_IT_IS},
                                         [COMPOSE_KEEP] = {AS_IT_IS, SIGNS_FOLDED},
                                         [COMPOSE_CHEAP] = {AS_IT_IS, SIGNS_FOLDED, FOLDED},
                                         [COMPOSE_ALWAYS] = {FOLDED, AS_IT_IS}};

static const char *const fold_words[] = {
    [COMPOSE_KEEP] = "keep", [COMPOSE_CHEAP] = "cheap", [COMPOSE_ALWAYS] = "always"};

enum compose_fold compose_fold_word(struct str word)
{
    for (size_t i = COMPOSE_KEEP; i < ARRAY_LEN(fold_words); i++) {
        if (str_eq_c(word, fold_words[i]))
            return (enum compose_fold)i;
    }
    return COMPOSE_AS_LINK;
}

/* No other way can be shorter: one part, or the default alphabet without a table. */
static bool is_best(const struct segment *s)
{
    const struct coding *c = &s->coding;

    return s->parts == 1 || (c->air == ALPHABET_GSM7 && !c->shift.single && !c->shift.locking);
}

static int plan_way(const struct bind_config *link, const struct compose_text *t, enum way way,
                    struct segment *out, struct err *e)
{
    struct segment_opts opts = opts_of(link, t->ref);

    opts.fold = way != AS_IT_IS;
    opts.fold_flags = way == SIGNS_FOLDED ? GSM_FOLD_SIGNS : fold_flags(link->plain);
    if (segment_plan(t->text, &opts, out, e) != 0)
        return -1;
    if (way == AS_IT_IS || (out->lost == 0 && out->alphabet != ALPHABET_UCS2))
        return 0;
    segment_fini(out);
    return err_set(e, ERR_BAD_INPUT, "the alphabet lacks %zu characters", out->lost);
}

int compose_plan(const struct bind_config *link, const struct compose_text *t, struct segment *out,
                 struct err *e)
{
    bool gsm7 = t->fold == COMPOSE_AS_LINK && link->encoding == BIND_ENCODING_GSM7;
    const uint8_t *way = ways[gsm7 ? COMPOSE_ALWAYS : t->fold];
    bool found = false;

    for (; *way != WAY_END; way++) {
        struct segment s;

        if (plan_way(link, t, (enum way) * way, &s, e) != 0)
            continue;
        if (found && s.parts >= out->parts) {
            segment_fini(&s);
            continue;
        }
        if (found)
            segment_fini(out);
        *out = s;
        found = true;
        if (*way == FOLDED || is_best(out))
            break;
    }
    if (found && t->fold == COMPOSE_KEEP)
        out->folded_parts = 0; /* the price is meant: nobody is warned */
    return found ? 0 : -1;
}

int compose_octets(struct str octets, uint8_t data_coding, struct segment *out, struct err *e)
{
    if (octets.n > SEGMENT_OCTETS)
        return err_set(e, ERR_TOO_BIG, "%zu octets in one part", octets.n);
    *out = (struct segment){.data_coding = data_coding, .parts = 1, .units = octets.n};
    out->ends[0] = (uint32_t)octets.n;
    buf_init(&out->octets, SEGMENT_OCTETS);
    buf_adds(&out->octets, octets);
    return 0;
}

unsigned compose_parts(const struct bind_config *link, const struct segment *seg)
{
    return link->concat == BIND_CONCAT_PAYLOAD ? 1 : seg->parts;
}

static void add_tlv(struct smpp_submit *out, struct bind_scratch *scratch, uint16_t tag,
                    struct str value)
{
    assert(out->tlv_count < ARRAY_LEN(scratch->tlvs));
    scratch->tlvs[out->tlv_count++] = (struct smpp_tlv){.tag = tag, .value = value};
    out->tlvs = scratch->tlvs;
}

static void add_sar(const struct segment *seg, unsigned no, struct bind_scratch *scratch,
                    struct smpp_submit *out)
{
    uint8_t *v = scratch->values;

    assert(v != NULL);
    v[0] = (uint8_t)(seg->ref >> 8);
    v[1] = (uint8_t)seg->ref;
    v[2] = (uint8_t)seg->parts;
    v[3] = (uint8_t)no;
    add_tlv(out, scratch, SMPP_TAG_SAR_MSG_REF_NUM, str_n(v, 2));
    add_tlv(out, scratch, SMPP_TAG_SAR_TOTAL_SEGMENTS, str_n(v + 2, 1));
    add_tlv(out, scratch, SMPP_TAG_SAR_SEGMENT_SEQNUM, str_n(v + 3, 1));
}

static void fill_text(const struct compose *c, unsigned no, struct bind_scratch *scratch,
                      struct smpp_submit *out)
{
    const struct segment *seg = c->seg;
    size_t n;

    if (c->link->concat == BIND_CONCAT_PAYLOAD && seg->parts > 1) {
        add_tlv(out, scratch, SMPP_TAG_MESSAGE_PAYLOAD, buf_str(&seg->octets));
        return;
    }
    n = segment_part(seg, no, scratch->octets);
    if (c->link->concat == BIND_CONCAT_SAR && seg->header > 0) {
        out->sm.message = str_skip(str_n(scratch->octets, n), seg->header);
        add_sar(seg, no, scratch, out);
        return;
    }
    out->sm.message = str_n(scratch->octets, n);
    out->sm.esm_class = seg->header > 0 ? SMPP_ESM_UDHI : 0;
}

uint16_t compose_reference(uint64_t message, unsigned no)
{
    return (uint16_t)((message * REFERENCE_STEP + no) % UINT16_MAX + 1);
}

static void add_reference(const struct compose *c, unsigned no, struct bind_scratch *scratch,
                          struct smpp_submit *out)
{
    uint16_t reference = compose_reference(c->message, no);
    uint8_t *v = scratch->values + sizeof scratch->values - 2;

    v[0] = (uint8_t)(reference >> 8);
    v[1] = (uint8_t)reference;
    add_tlv(out, scratch, SMPP_TAG_USER_MESSAGE_REFERENCE, str_n(v, 2));
}

void compose_fill(const struct compose *c, unsigned no, struct bind_scratch *scratch,
                  struct smpp_submit *out)
{
    struct pdu_sm *sm = &out->sm;

    _Static_assert(sizeof scratch->octets >= SEGMENT_OCTETS, "a part fits the scratch");
    sm->service_type = str_c(c->link->service_type);
    sender_address(str_c(c->link->sender), (uint8_t)c->link->sender_ton,
                   (uint8_t)c->link->sender_npi, &scratch->sender);
    sm->source_ton = scratch->sender.ton;
    sm->source_npi = scratch->sender.npi;
    sm->source = str_c(scratch->sender.text);
    sm->dest_ton = (uint8_t)c->link->dest_ton;
    sm->dest_npi = (uint8_t)c->link->dest_npi;
    sm->dest = str_c(c->number);
    sm->validity = str_c(c->validity);
    sm->registered_delivery = c->link->receipts ? REGISTER : 0;
    sm->data_coding = c->seg->data_coding;
    fill_text(c, no, scratch, out);
    if (c->link->reference && c->message != 0)
        add_reference(c, no, scratch, out);
}

void compose_wipe(struct segment *seg)
{
    buf_wipe(&seg->octets);
    segment_fini(seg);
}

void compose_validity(int64_t seconds, char out[COMPOSE_VALIDITY])
{
    int64_t s = MIN(MAX(seconds, 1), (int64_t)DAYS_MAX * DAY);

    (void)snprintf(out, COMPOSE_VALIDITY, "0000%02u%02u%02u%02u000R", (unsigned)(s / DAY) % 100,
                   (unsigned)(s % DAY / 3600), (unsigned)(s % 3600 / 60), (unsigned)(s % 60));
}

/* ---- ids ---- */

/* Writes the number in the other base; an id that is no number of `from` stays as it is. */
static void convert(const char *id, int from, char out[RECEIPT_ID_MAX])
{
    char *end;
    unsigned long long v = strtoull(id, &end, from);

    if (*id == '\0' || *end != '\0' || strlen(id) > 19)
        (void)snprintf(out, RECEIPT_ID_MAX, "%s", id);
    else
        (void)snprintf(out, RECEIPT_ID_MAX, from == 10 ? "%llx" : "%llu", v);
}

size_t compose_receipt_ids(enum bind_id_form form, const struct receipt *r,
                           char room[RECEIPT_ID_MAX], const char *out[RECEIPT_IDS])
{
    if (r->id_count == 0)
        return 0;
    if (form == BIND_ID_AUTO) {
        for (unsigned i = 0; i < r->id_count; i++)
            out[i] = r->ids[i];
        return r->id_count;
    }
    out[0] = r->ids[0];
    if (form != BIND_ID_SAME) {
        convert(r->ids[0], form == BIND_ID_RECEIPT_DEC ? 10 : 16, room);
        out[0] = room;
    }
    return 1;
}
