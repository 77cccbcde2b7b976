/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text is encoded once; cutting then only finds the ends: in septets by looking for an ESC at
 * the edge, in UCS-2 by walking the text itself, where lib/gsm knows pairs and combining sequences.
 */
#include <assert.h>
#include <string.h>

#include "gateway/lib/gsm.h"
#include "gateway/lib/utf8.h"
#include "smpp/segment.h"

#define TEXT_MAX (SEGMENT_PARTS_MAX * 160u * 4u) /* bytes: nothing longer can fit 255 parts */

static size_t capacity(const struct segment *s)
{
    size_t alone = s->alphabet == ALPHABET_GSM7 ? 160 : 70;
    size_t behind_header = s->alphabet == ALPHABET_GSM7 ? 153 : 67;

    if (s->units <= alone)
        return alone;
    return s->ref16 ? behind_header - 1 : behind_header;
}

static int end_part(struct segment *s, size_t end, unsigned max, struct err *e)
{
    if (s->parts == max)
        return err_set(e, ERR_TOO_BIG, "the text needs more than %u parts", max);
    s->ends[s->parts++] = (uint32_t)end;
    return 0;
}

static int cut_septets(struct segment *s, unsigned max, struct err *e)
{
    size_t room = capacity(s), at = 0;

    while (s->octets.len - at > room) {
        at += room;
        if (s->octets.p[at - 1] == GSM_ESC)
            at--;
        if (end_part(s, at, max, e) != 0)
            return -1;
    }
    return end_part(s, s->octets.len, max, e);
}

/* A heap of combining marks longer than a part is cut between two of them; a pair never is. */
static size_t cut_between_marks(struct str text, size_t room)
{
    struct str rest = text, head;

    do {
        head = rest;
        (void)utf8_next(&rest);
    } while (rest.n > 0 && ucs2_units(str_head(text, text.n - rest.n)) <= room);
    return text.n - head.n;
}

static int cut_units(struct str text, struct segment *s, unsigned max, struct err *e)
{
    size_t room = capacity(s), at = 0;

    while (ucs2_units(text) > room) {
        size_t n = ucs2_cut(text, room);

        if (n == 0)
            n = cut_between_marks(text, room);
        at += ucs2_units(str_head(text, n)) * 2;
        text = str_skip(text, n);
        if (end_part(s, at, max, e) != 0)
            return -1;
    }
    return end_part(s, s->octets.len, max, e);
}

static int plan_gsm7(struct str text, size_t septets, struct segment *s, unsigned max,
                     struct err *e)
{
    char *at;

    s->alphabet = ALPHABET_GSM7;
    s->units = septets;
    at = buf_reserve(&s->octets, septets + 1);
    if (at == NULL)
        return buf_check(&s->octets, e);
    if (gsm_encode(text, (uint8_t *)at, septets) != (ssize_t)septets)
        return err_set(e, ERR_BAD_INPUT, "the text does not encode as it counts");
    buf_advance(&s->octets, septets);
    return cut_septets(s, max, e);
}

static int plan_ucs2(struct str text, struct segment *s, unsigned max, struct err *e)
{
    s->alphabet = ALPHABET_UCS2;
    s->data_coding = 8;
    s->units = ucs2_units(text);
    ucs2_encode(text, &s->octets);
    if (buf_check(&s->octets, e) != 0)
        return -1;
    return cut_units(text, s, max, e);
}

/* What folding would have saved, for the warning before a chapter is sent (one curly quote, 10 to
 * 23). */
static void note_folded(struct segment *s, struct str text, const struct segment_opts *opts)
{
    struct buf folded;
    struct segment alike = {.alphabet = ALPHABET_GSM7, .ref16 = s->ref16};
    ssize_t septets;
    size_t room;

    buf_init(&folded, TEXT_MAX);
    s->lost = gsm_fold(text, &folded, opts->fold_flags);
    septets = folded.failed ? -1 : gsm_septets(buf_str(&folded));
    if (septets >= 0) {
        alike.units = (size_t)septets;
        room = capacity(&alike);
        s->folded_parts = (unsigned)(septets == 0 ? 1 : ((size_t)septets + room - 1) / room);
    }
    buf_fini(&folded);
}

static int plan_text(struct str text, const struct segment_opts *opts, struct segment *s,
                     struct err *e)
{
    unsigned max = opts->max_parts ? MIN(opts->max_parts, SEGMENT_PARTS_MAX) : SEGMENT_PARTS_MAX;
    ssize_t septets = gsm_septets(text);

    if (septets >= 0)
        return plan_gsm7(text, (size_t)septets, s, max, e);
    if (plan_ucs2(text, s, max, e) != 0)
        return -1;
    note_folded(s, text, opts);
    return 0;
}

static int plan_folded(struct str text, const struct segment_opts *opts, struct segment *s,
                       struct err *e)
{
    struct buf folded;
    size_t lost;
    int rc = -1;

    buf_init(&folded, TEXT_MAX);
    lost = gsm_fold(text, &folded, opts->fold_flags);
    if (buf_check(&folded, e) == 0)
        rc = plan_text(buf_str(&folded), opts, s, e);
    s->lost = lost;
    buf_fini(&folded);
    return rc;
}

int segment_plan(struct str text, const struct segment_opts *opts, struct segment *out,
                 struct err *e)
{
    int rc;

    memset(out, 0, sizeof *out);
    buf_init(&out->octets, TEXT_MAX);
    out->ref16 = opts->ref16;
    out->ref = opts->ref16 ? opts->ref : opts->ref & 0xFF;
    if (text.n > TEXT_MAX)
        return err_set(e, ERR_TOO_BIG, "a text of %zu bytes", text.n);
    if (!utf8_valid(text))
        return err_set(e, ERR_BAD_INPUT, "the text is not UTF-8");
    rc = opts->fold ? plan_folded(text, opts, out, e) : plan_text(text, opts, out, e);
    if (rc != 0)
        segment_fini(out);
    else if (out->parts > 1)
        out->header = out->ref16 ? 7 : 6;
    return rc;
}

static size_t write_header(const struct segment *s, unsigned no, uint8_t *out)
{
    uint8_t *at = out;

    if (s->header == 0)
        return 0;
    *at++ = (uint8_t)(s->header - 1);
    *at++ = s->ref16 ? 0x08 : 0x00;
    *at++ = s->ref16 ? 4 : 3;
    if (s->ref16)
        *at++ = (uint8_t)(s->ref >> 8);
    *at++ = (uint8_t)s->ref;
    *at++ = (uint8_t)s->parts;
    *at++ = (uint8_t)no;
    return s->header;
}

size_t segment_part(const struct segment *s, unsigned no, uint8_t out[SEGMENT_OCTETS])
{
    size_t from, n, header;

    assert(no >= 1 && no <= s->parts);
    from = no == 1 ? 0 : s->ends[no - 2];
    n = s->ends[no - 1] - from;
    header = write_header(s, no, out);
    assert(header + n <= SEGMENT_OCTETS);
    if (n > 0)
        memcpy(out + header, s->octets.p + from, n);
    return header + n;
}

void segment_fini(struct segment *s)
{
    buf_fini(&s->octets);
}
