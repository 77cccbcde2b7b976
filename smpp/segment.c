/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text is made ready (characters that may not leave, folding), a coding is chosen, and the text
 * is cut and encoded a part at a time. How many parts a coding takes is told from its units alone;
 * an escape that moves to the next part can make it one more, which changes no choice worth making.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "gateway/lib/utf8.h"
#include "smpp/segment.h"

#define TEXT_MAX   (SEGMENT_PARTS_MAX * 160u * 4u) /* bytes: nothing longer can fit 255 parts */
#define OCTETS_MAX (SEGMENT_PARTS_MAX * 160u)
#define MARK_MAX   16
#define MARK_ROOM  6 /* of "(2/5) ", to compare codings by */
#define CODINGS    8

/* ---- how much fits ---- */

static size_t header_octets(const struct segment *s, const struct coding *c, bool many)
{
    size_t n = coding_shift_octets(c);

    if (many && s->marks == SEGMENT_UNMARKED)
        n += s->ref16 ? 6 : 5;
    return n > 0 ? n + 1 : 0;
}

static unsigned count_parts(const struct segment *s, const struct coding *c, size_t units)
{
    size_t room = coding_room(c, header_octets(s, c, false));

    if (units <= room)
        return 1;
    room = coding_room(c, header_octets(s, c, true));
    if (s->marks != SEGMENT_UNMARKED)
        room -= MARK_ROOM;
    return (unsigned)((units + room - 1) / room);
}

/* ---- the choice ---- */

static const struct coding ucs2 = {ALPHABET_UCS2, ALPHABET_UCS2, {0, 0}, 8};

/* In the order of preference; UCS-2, which takes every text, is last. */
static size_t codings_of(const struct segment_opts *o, struct coding out[CODINGS])
{
    size_t n = 0;
    unsigned tables = o->marks == SEGMENT_UNMARKED ? o->tables : 0;

    out[n++] = (struct coding){ALPHABET_GSM7, o->plain, {0, 0}, 0};
    if (o->plain == ALPHABET_GSM7 && tables & SEGMENT_SPANISH)
        out[n++] = (struct coding){ALPHABET_GSM7, ALPHABET_GSM7, {GSM_SPANISH, 0}, 0};
    if (o->plain == ALPHABET_GSM7 && tables & SEGMENT_PORTUGUESE) {
        out[n++] = (struct coding){ALPHABET_GSM7, ALPHABET_GSM7, {GSM_PORTUGUESE, 0}, 0};
        out[n++] = (struct coding){ALPHABET_GSM7, ALPHABET_GSM7, {0, GSM_PORTUGUESE}, 0};
        out[n++] =
            (struct coding){ALPHABET_GSM7, ALPHABET_GSM7, {GSM_PORTUGUESE, GSM_PORTUGUESE}, 0};
    }
    if (o->latin1)
        out[n++] = (struct coding){ALPHABET_LATIN1, ALPHABET_LATIN1, {0, 0}, 3};
    out[n++] = ucs2;
    return n;
}

/* Sets coding and units. A text without escapes is nowhere shorter than in the default alphabet. */
static void choose(struct str text, const struct segment_opts *o, struct segment *s)
{
    struct coding codings[CODINGS];
    size_t n = codings_of(o, codings);
    unsigned best = UINT32_MAX;

    for (size_t i = 0; i < n; i++) {
        ssize_t units = coding_units(&codings[i], text);
        unsigned parts;

        if (units < 0)
            continue;
        parts = count_parts(s, &codings[i], (size_t)units);
        if (parts < best) {
            best = parts;
            s->coding = codings[i];
            s->units = (size_t)units;
        }
        if (i == 0 && (parts == 1 || (size_t)units == utf8_count(text)))
            break;
    }
    s->alphabet = s->coding.wire;
    s->data_coding = s->coding.data_coding;
}

/* ---- cutting ---- */

static int end_part(struct segment *s, unsigned max, struct err *e)
{
    if (buf_check(&s->octets, e) != 0)
        return -1;
    if (s->parts == max)
        return err_set(e, ERR_TOO_BIG, "the text needs more than %u parts", max);
    s->ends[s->parts++] = (uint32_t)s->octets.len;
    return 0;
}

static int cut(struct str text, struct segment *s, unsigned max, struct err *e)
{
    bool many = s->units > coding_room(&s->coding, header_octets(s, &s->coding, false));
    size_t room = coding_room(&s->coding, header_octets(s, &s->coding, many));

    do {
        size_t n = coding_cut(&s->coding, text, room);

        coding_put(&s->coding, str_head(text, n), &s->octets);
        text = str_skip(text, n);
        if (end_part(s, max, e) != 0)
            return -1;
    } while (text.n > 0);
    s->header = (uint8_t)header_octets(s, &s->coding, s->parts > 1);
    return 0;
}

/* ---- cutting between words, with marks ---- */

static size_t digits(unsigned n)
{
    return n < 10 ? 1 : n < 100 ? 2 : 3;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The end of the last whole word within n bytes, n itself if there is none. */
static size_t word_cut(struct str text, size_t n)
{
    size_t at = n;

    if (n == text.n || is_space(text.p[n]))
        return n;
    while (at > 0 && !is_space(text.p[at - 1]))
        at--;
    return at > 0 ? at : n;
}

/* Takes what fits part no of a total with so many digits off the front of *text. */
static struct str take_words(const struct coding *c, struct str *text, unsigned no,
                             size_t total_digits)
{
    size_t mark = digits(no) + total_digits + strlen("(/) ");
    size_t n = word_cut(*text, coding_cut(c, *text, coding_room(c, 0) - mark));
    struct str piece = str_trim(str_head(*text, n));

    *text = str_trim(str_skip(*text, n));
    return piece;
}

/* Parts of the text if their number has so many digits; 0: more than max. */
static unsigned count_marked(const struct coding *c, struct str text, size_t total_digits,
                             unsigned max)
{
    unsigned no = 0;

    while (text.n > 0 && no < max)
        (void)take_words(c, &text, ++no, total_digits);
    return text.n > 0 ? 0 : no;
}

static void put_marked(struct segment *s, struct str piece, unsigned total)
{
    char mark[MARK_MAX];
    int n = snprintf(mark, sizeof mark, s->marks == SEGMENT_MARK_BEFORE ? "(%u/%u) " : " (%u/%u)",
                     s->parts + 1, total);
    struct str m = str_n(mark, (size_t)n);

    if (s->marks == SEGMENT_MARK_BEFORE)
        coding_put(&s->coding, m, &s->octets);
    coding_put(&s->coding, piece, &s->octets);
    if (s->marks == SEGMENT_MARK_BEHIND)
        coding_put(&s->coding, m, &s->octets);
}

static int cut_marked(struct str text, struct segment *s, unsigned max, struct err *e)
{
    unsigned total = 0;
    size_t wide = 0;

    text = str_trim(text);
    if (text.n == 0)
        return end_part(s, max, e);
    while (wide < 3 && (total == 0 || digits(total) > wide))
        total = count_marked(&s->coding, text, ++wide, max);
    if (total == 0)
        return err_set(e, ERR_TOO_BIG, "the text needs more than %u parts", max);
    while (text.n > 0) {
        put_marked(s, take_words(&s->coding, &text, s->parts + 1, wide), total);
        if (end_part(s, max, e) != 0)
            return -1;
    }
    return 0;
}

/* ---- the plan ---- */

/* What folding would have saved, for the warning before a chapter is sent (one curly quote, 10 to
 * 23). */
static void note_folded(struct segment *s, struct str text, const struct segment_opts *opts)
{
    const struct coding gsm7 = {ALPHABET_GSM7, ALPHABET_GSM7, {0, 0}, 0};
    struct buf folded;
    ssize_t septets;

    buf_init(&folded, TEXT_MAX);
    s->lost = gsm_fold(text, &folded, opts->fold_flags);
    septets = folded.failed ? -1 : gsm_septets(buf_str(&folded));
    if (septets >= 0)
        s->folded_parts = count_parts(s, &gsm7, (size_t)septets);
    buf_fini(&folded);
}

static int plan_text(struct str text, const struct segment_opts *opts, struct segment *s,
                     struct err *e)
{
    unsigned max = opts->max_parts ? MIN(opts->max_parts, SEGMENT_PARTS_MAX) : SEGMENT_PARTS_MAX;
    int rc;

    choose(text, opts, s);
    if (s->marks != SEGMENT_UNMARKED && count_parts(s, &s->coding, s->units) > 1)
        rc = cut_marked(text, s, max, e);
    else
        rc = cut(text, s, max, e);
    if (rc == 0 && s->alphabet == ALPHABET_UCS2)
        note_folded(s, text, opts);
    return rc;
}

static int plan_folded(struct str text, const struct segment_opts *opts, struct segment *s,
                       struct err *e)
{
    struct buf folded;
    size_t lost;
    int rc = -1;

    if (!opts->fold)
        return plan_text(text, opts, s, e);
    buf_init(&folded, TEXT_MAX);
    lost = gsm_fold(text, &folded, opts->fold_flags);
    if (buf_check(&folded, e) == 0)
        rc = plan_text(buf_str(&folded), opts, s, e);
    s->lost = lost;
    buf_wipe(&folded);
    return rc;
}

static bool is_astral(int32_t cp)
{
    return cp > 0xFFFF;
}

static bool has_astral(struct str text)
{
    while (text.n > 0) {
        if (is_astral(utf8_next(&text)))
            return true;
    }
    return false;
}

/* A row of emoji with its joiners and selectors becomes one '?'. */
static void put_bmp(struct str text, struct buf *out)
{
    bool replaced = false;

    while (text.n > 0) {
        int32_t cp = utf8_next(&text);
        bool glue = replaced && (cp == 0x200D || (cp >= 0xFE00 && cp <= 0xFE0F));

        if (is_astral(cp) && !replaced)
            buf_addc(out, '?');
        replaced = is_astral(cp) || glue;
        if (!replaced)
            utf8_put(out, (uint32_t)cp);
    }
}

static int plan_bmp(struct str text, const struct segment_opts *opts, struct segment *s,
                    struct err *e)
{
    struct buf bmp;
    int rc;

    if (opts->astral == SEGMENT_ASTRAL_SEND || !has_astral(text))
        return plan_folded(text, opts, s, e);
    if (opts->astral == SEGMENT_ASTRAL_REFUSE)
        return err_set(e, ERR_BAD_INPUT, "a character that the route cannot carry");
    buf_init(&bmp, TEXT_MAX);
    put_bmp(text, &bmp);
    rc = plan_folded(buf_str(&bmp), opts, s, e);
    buf_wipe(&bmp);
    return rc;
}

int segment_plan(struct str text, const struct segment_opts *opts, struct segment *out,
                 struct err *e)
{
    int rc;

    memset(out, 0, sizeof *out);
    buf_init(&out->octets, OCTETS_MAX);
    out->marks = opts->marks;
    out->ref16 = opts->ref16;
    out->ref = opts->ref16 ? opts->ref : opts->ref & 0xFF;
    if (text.n > TEXT_MAX)
        return err_set(e, ERR_TOO_BIG, "a text of %zu bytes", text.n);
    if (!utf8_valid(text))
        return err_set(e, ERR_BAD_INPUT, "the text is not UTF-8");
    rc = plan_bmp(text, opts, out, e);
    if (rc != 0)
        segment_fini(out);
    return rc;
}

static size_t write_header(const struct segment *s, unsigned no, uint8_t *out)
{
    uint8_t *at = out;

    if (s->header == 0)
        return 0;
    *at++ = (uint8_t)(s->header - 1);
    at += coding_shift_header(&s->coding, at);
    if (s->parts > 1) {
        *at++ = s->ref16 ? 0x08 : 0x00;
        *at++ = s->ref16 ? 4 : 3;
        if (s->ref16)
            *at++ = (uint8_t)(s->ref >> 8);
        *at++ = (uint8_t)s->ref;
        *at++ = (uint8_t)s->parts;
        *at++ = (uint8_t)no;
    }
    assert(at == out + s->header);
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
