/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See request.h. Each check is a row of `checks`, asked in their order; the first that says no ends it.
 */
#include "gateway/esme/request.h"

#include "smpp/concat.h"
#include "smpp/segment.h"
#include "smpp/time.h"

#define SECOND_MS      1000
#define DAY_S          86400
#define SCHEDULE_MAX   (30 * DAY_S)
#define VALIDITY_MAX   (28 * DAY_S)
#define LATE_S         300 /* a schedule so little over is a clock that differs */
#define SEPTETS        160u
#define OCTETS         140u
#define SAR_HEADER     6u
#define LETTERS_MAX    11u
#define SHORT_CODE_MAX 7u
#define TON_LETTERS    5
#define ESM_MODE       0x03
#define MODE_TRANSACT  0x02

/* What submit_sm, submit_multi and data_sm have in common. */
struct wish {
    const struct esme_config *c;
    const struct pdu *p;
    int64_t now;
    struct str service, source, dest, schedule, validity, text;
    uint8_t source_ton, esm_class, coding, registered, priority, replace, canned;
    struct concat concat;
};

static void read_sm(struct wish *w, const struct pdu_sm *sm)
{
    w->service = sm->service_type;
    w->source = sm->source;
    w->source_ton = sm->source_ton;
    w->dest = sm->dest;
    w->esm_class = sm->esm_class;
    w->coding = sm->data_coding;
    w->registered = sm->registered_delivery;
    w->priority = sm->priority;
    w->schedule = sm->schedule;
    w->validity = sm->validity;
    w->replace = sm->replace_if_present;
    w->canned = sm->default_msg_id;
}

static void read_multi(struct wish *w, const struct pdu_multi *m)
{
    w->service = m->service_type;
    w->source = m->source;
    w->source_ton = m->source_ton;
    w->esm_class = m->esm_class;
    w->coding = m->data_coding;
    w->registered = m->registered_delivery;
    w->priority = m->priority;
    w->schedule = m->schedule;
    w->validity = m->validity;
    w->replace = m->replace_if_present;
    w->canned = m->default_msg_id;
}

static void read_data(struct wish *w, const struct pdu_data *d)
{
    w->service = d->service_type;
    w->source = d->source;
    w->source_ton = d->source_ton;
    w->dest = d->dest;
    w->esm_class = d->esm_class;
    w->coding = d->data_coding;
    w->registered = d->registered_delivery;
}

/* ---- addresses ---- */

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return s.n > 0;
}

int esme_source_read(struct str source, uint8_t ton, char *out, const char **kind)
{
    struct str s = source.n > 1 && source.p[0] == '+' ? str_skip(source, 1) : source;

    *out = '\0';
    *kind = "";
    if (source.n == 0)
        return 0;
    if (ton != TON_LETTERS && all_digits(s) && s.n <= ESME_SOURCE_MAX) {
        *kind = s.n <= SHORT_CODE_MAX ? "short_code" : "numeric";
        return str_to_c(s, out, ESME_SOURCE_MAX + 1) ? 0 : -1;
    }
    for (size_t i = 0; i < source.n; i++) {
        if (source.p[i] < ' ' || source.p[i] > '~')
            return -1;
    }
    *kind = "alphanumeric";
    return source.n <= LETTERS_MAX && str_to_c(source, out, ESME_SOURCE_MAX + 1) ? 0 : -1;
}

static uint32_t take_source(const struct wish *w, struct esme_request *out)
{
    const struct option_list *allowed = &w->c->senders;
    char one[ESME_SOURCE_MAX + 1];
    const char *kind;

    if (esme_source_read(w->source, w->source_ton, out->source, &out->source_kind) != 0)
        return SMPP_RINVSRCADR;
    if (w->source.n == 0 && allowed->n > 0)
        return esme_source_read(str_c(allowed->v[0]), 0, out->source, &out->source_kind) == 0
                   ? 0
                   : SMPP_RINVSRCADR;
    for (size_t i = 0; i < allowed->n; i++) {
        if (esme_source_read(str_c(allowed->v[i]), 0, one, &kind) == 0 &&
            strcmp(one, out->source) == 0)
            return 0;
    }
    return allowed->n == 0 ? 0 : SMPP_RINVSRCADR;
}

uint32_t esme_number_read(const struct esme_config *c, struct str dest, struct msisdn *out)
{
    const struct option_list *prefixes = &c->prefixes;
    struct err e;

    if (msisdn_parse(dest, c->country, out, &e) != 0 || !*out->country)
        return SMPP_RINVDSTADR;
    for (size_t i = 0; i < prefixes->n; i++) {
        if (str_starts(str_c(out->digits), str_c(prefixes->v[i])))
            return 0;
    }
    return prefixes->n == 0 ? 0 : SMPP_RINVDSTADR;
}

static uint32_t take_number(const struct wish *w, struct esme_request *out)
{
    if (w->p->shape == PDU_SHAPE_multi) /* each of them by esme_number_read */
        return 0;
    return esme_number_read(w->c, w->dest, &out->number);
}

/* ---- flags and times ---- */

static uint32_t take_flags(const struct wish *w, struct esme_request *out)
{
    if ((w->esm_class & ESM_MODE) == MODE_TRANSACT || (w->esm_class & SMPP_ESM_TYPE_MASK) != 0)
        return SMPP_RINVESMCLASS;
    if (w->priority > 3)
        return SMPP_RINVPRTFLG;
    if (str_eq(w->service, STR("USSD")))
        return SMPP_RINVSERTYP;
    if (w->replace != 0)
        return SMPP_RINVREPFLAG;
    if (w->canned != 0)
        return SMPP_RINVDFTMSGID;
    out->priority = w->priority == 0 ? 3 : 2;
    out->registered = w->c->receipts ? w->registered & 3 : 0;
    return 0;
}

static uint32_t take_schedule(const struct wish *w, struct esme_request *out)
{
    if (w->schedule.n == 0)
        return 0;
    if (smpp_time_parse(w->schedule, w->now, &out->due_s) != 0 || out->due_s < -LATE_S ||
        out->due_s > SCHEDULE_MAX)
        return SMPP_RINVSCHED;
    out->due_s = MAX(out->due_s, 0);
    return 0;
}

static uint32_t take_validity(const struct wish *w, struct esme_request *out)
{
    int64_t end;
    uint32_t live;

    out->validity_s = w->c->validity_ms / SECOND_MS;
    if (w->validity.n > 0) {
        if (smpp_time_parse(w->validity, w->now, &end) != 0 || end <= out->due_s)
            return SMPP_RINVEXPIRY;
        out->validity_s = MIN(end - out->due_s, (int64_t)VALIDITY_MAX);
    } else if (pdu_tlv_number(w->p, SMPP_TAG_QOS_TIME_TO_LIVE, &live)) {
        if (live == 0)
            return SMPP_RINVEXPIRY;
        out->validity_s = MIN((int64_t)live, (int64_t)VALIDITY_MAX);
    }
    return 0;
}

/* ---- what it says ---- */

static enum alphabet alphabet_here(const struct wish *w)
{
    return alphabet_of(w->coding, (enum alphabet)w->c->alphabet);
}

/* Does one part hold a header of so many octets and this text? */
static bool one_part(enum alphabet a, size_t header, size_t text)
{
    if (a == ALPHABET_UCS2 || a == ALPHABET_BINARY)
        return header + text <= OCTETS;
    return (header * 8 + 6) / 7 + text <= SEPTETS;
}

static uint32_t keep_octets(const struct wish *w, size_t header, struct str all,
                            struct esme_request *out)
{
    if (!one_part(alphabet_here(w), header, all.n - header))
        return SMPP_RINVMSGLEN;
    memcpy(out->body, all.p, all.n);
    out->len = all.n;
    out->coding = w->coding;
    out->udhi = header > 0;
    out->parts = 1;
    return 0;
}

/* The low octet names the message as well: an ESME numbers them one after the other. */
static uint32_t keep_sar(const struct wish *w, struct esme_request *out)
{
    const struct concat *k = &w->concat;
    char all[SAR_HEADER + SEPTETS] = {5, 0, 3, (char)k->ref, (char)k->total, (char)k->no};

    if (k->text.n > SEPTETS)
        return SMPP_RINVMSGLEN;
    memcpy(all + SAR_HEADER, k->text.p, k->text.n);
    return keep_octets(w, SAR_HEADER, str_n(all, SAR_HEADER + k->text.n), out);
}

static uint32_t keep_text(const struct wish *w, struct esme_request *out)
{
    static const struct segment_opts as_it_is = {.latin1 = false};
    struct segment seg;
    struct buf text;
    struct err e;
    size_t unread;

    buf_init_fixed(&text, out->body, sizeof out->body);
    unread = alphabet_decode(alphabet_here(w), w->text, &text);
    if (text.failed != ERR_OK)
        return SMPP_RINVMSGLEN;
    if (unread > 0)
        return keep_octets(w, 0, w->text, out);
    if (segment_plan(buf_str(&text), &as_it_is, &seg, &e) != 0)
        return SMPP_RINVMSGLEN;
    out->len = text.len;
    out->coding = -1;
    out->parts = seg.parts;
    segment_fini(&seg);
    return 0;
}

static bool has_sar(const struct pdu *p)
{
    uint32_t v;

    return pdu_tlv_number(p, SMPP_TAG_SAR_TOTAL_SEGMENTS, &v) ||
           pdu_tlv_number(p, SMPP_TAG_SAR_SEGMENT_SEQNUM, &v);
}

/* Default, IA5 and Latin-1 are made anew for the route; any other says more (a class, UCS-2). */
static bool any_route_takes(uint8_t coding)
{
    return coding == 0 || coding == 1 || coding == 3;
}

static uint32_t take_text(const struct wish *w, struct esme_request *out)
{
    const struct concat *k = &w->concat;
    bool header = (w->esm_class & SMPP_ESM_UDHI) != 0, sar = has_sar(w->p);
    enum alphabet a = alphabet_here(w);

    out->plain = w->coding == 0;
    if (header && (k->bad_header || w->text.n == 0))
        return SMPP_RINVESMCLASS;
    if (sar && (header || k->sar_ignored))
        return SMPP_RINVOPTPARAMVAL;
    if (w->text.n > ESME_BODY_MAX)
        return SMPP_RINVMSGLEN;
    if (header)
        return keep_octets(w, w->text.n - k->text.n, w->text, out);
    if (sar && k->total > 1)
        return keep_sar(w, out);
    if (a == ALPHABET_BINARY || (!any_route_takes(w->coding) && one_part(a, 0, w->text.n)))
        return keep_octets(w, 0, w->text, out);
    return keep_text(w, out);
}

static uint32_t (*const checks[])(const struct wish *w, struct esme_request *out) = {
    take_number, take_source, take_flags, take_schedule, take_validity, take_text};

uint32_t esme_request_read(const struct esme_config *c, const struct pdu *p, int64_t now,
                           struct esme_request *out)
{
    struct wish w = {.c = c, .p = p, .now = now, .text = pdu_text(p, NULL)};
    uint32_t status = 0;

    if (p->shape == PDU_SHAPE_data)
        read_data(&w, &p->data);
    else if (p->shape == PDU_SHAPE_multi)
        read_multi(&w, &p->multi);
    else
        read_sm(&w, &p->sm);
    concat_parse(p, &w.concat);
    out->coding = -1;
    out->udhi = false;
    out->due_s = 0;
    for (size_t i = 0; i < ARRAY_LEN(checks) && status == 0; i++)
        status = checks[i](&w, out);
    return status;
}

uint32_t esme_request_replace(const struct esme_config *c, const struct pdu *p, int64_t now,
                              struct esme_request *out)
{
    const struct pdu_replace *r = &p->replace;
    struct wish w = {.c = c,
                     .p = p,
                     .now = now,
                     .text = r->message,
                     .schedule = r->schedule,
                     .validity = r->validity,
                     .registered = r->registered_delivery,
                     .canned = r->default_msg_id};
    uint32_t status;

    out->udhi = false;
    out->due_s = 0;
    if ((status = take_flags(&w, out)) != 0 || (status = take_schedule(&w, out)) != 0 ||
        (status = take_validity(&w, out)) != 0 || (status = keep_text(&w, out)) != 0)
        return status;
    if (out->coding >= 0)
        return SMPP_RREPLACEFAIL; /* a text that its alphabet cannot read */
    out->due_s = r->schedule.n > 0 ? out->due_s : -1;
    out->validity_s = r->validity.n > 0 ? out->validity_s : -1;
    return 0;
}
