/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See measure.h.
 */
#include "gateway/books/measure.h"

#include <stdlib.h>

#include "gateway/lib/gsm.h"
#include "gateway/lib/utf8.h"

struct measurer {
    struct str body;
    size_t at;                /* byte offset of the next character */
    uint32_t chars;           /* before it */
    uint32_t septets;         /* before it */
    uint32_t units;           /* before it */
    uint32_t since;           /* septets since the last cut */
    enum measure_folds folds; /* of what stands since the last cut */
    struct cut space;         /* the last space since the cut; no chars: none */
    struct cut *cuts;
    size_t n, cap;
};

/* Cuts at a place passed before, or just here. */
static void push(struct measurer *m, struct cut at)
{
    if (m->n == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 64;
        m->cuts = realloc(m->cuts, m->cap * sizeof *m->cuts);
        if (!m->cuts)
            abort();
    }
    at.folds = (uint32_t)m->folds;
    m->cuts[m->n++] = at;
    m->since = m->septets - at.septets;
    m->space.chars = 0;
    if (at.chars == m->chars) /* else some of it stands behind the cut: it counts for both */
        m->folds = MEASURE_NOTHING;
}

static struct cut here(const struct measurer *m)
{
    return (struct cut){.chars = m->chars, .septets = m->septets, .units = m->units};
}

enum measure_folds measure_folds(struct str text)
{
    struct buf folded;
    enum measure_folds found = MEASURE_IMPOSSIBLE;

    buf_init(&folded, 8 * text.n + 8);
    gsm_fold(text, &folded, GSM_FOLD_SIGNS);
    if (gsm_septets(buf_str(&folded)) >= 0) {
        found = MEASURE_NOTHING;
    } else {
        buf_reset(&folded);
        if (gsm_fold(text, &folded, 0) == 0)
            found = MEASURE_LETTERS;
    }
    buf_fini(&folded);
    return found;
}

static uint32_t char_septets(struct str c)
{
    char mem[64];
    struct buf folded;
    int code = c.n == 1 ? gsm_from_unicode((unsigned char)c.p[0]) : -1;

    if (code >= 0) /* most of any text: its own fold */
        return code > 0x7F ? 2 : 1;

    buf_init_fixed(&folded, mem, sizeof mem);
    gsm_fold(c, &folded, 0);
    ssize_t n = gsm_septets(buf_str(&folded));

    return n > 0 ? (uint32_t)n : 0;
}

static size_t char_len(struct str s)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

    return MIN(n, s.n);
}

static bool one_of(struct str s, const struct str *set, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_starts(s, set[i]))
            return true;
    }
    return false;
}

static bool is_stop(struct str s)
{
    static const struct str stops[] = {STR_INIT("."), STR_INIT("!"), STR_INIT("?"),
                                       STR_INIT("\xE2\x80\xA6")};

    return one_of(s, stops, ARRAY_LEN(stops));
}

static bool is_closer(struct str s)
{
    static const struct str closers[] = {
        STR_INIT("\""),           STR_INIT(")"),           STR_INIT("]"), STR_INIT("\xC2\xBB"),
        STR_INIT("\xE2\x80\x9D"), STR_INIT("\xE2\x80\x99")};

    return one_of(s, closers, ARRAY_LEN(closers));
}

static bool is_blank(struct str s)
{
    return s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\n');
}

/* "M." and the like: one capital letter between a space and the point at `dot`. */
static bool is_short_form(const struct measurer *m, size_t dot)
{
    if (m->body.p[dot] != '.' || dot == 0)
        return false;
    char c = m->body.p[dot - 1];
    bool alone = dot == 1 || m->body.p[dot - 2] == ' ' || m->body.p[dot - 2] == '\n';

    return alone && c >= 'A' && c <= 'Z';
}

/* Cuts before the next character if it does not fit: at the last space, else right here. */
static void make_room(struct measurer *m, uint32_t cost)
{
    while (m->since > 0 && m->since + cost > MEASURE_SENTENCE_MAX) {
        if (m->space.chars)
            push(m, m->space);
        else
            push(m, here(m));
    }
}

static void step(struct measurer *m)
{
    struct str rest = str_skip(m->body, m->at);
    size_t n = char_len(rest);
    uint32_t cost = char_septets(str_head(rest, n));

    make_room(m, cost);
    m->at += n;
    m->chars++;
    m->septets += cost;
    m->units += n == 4 ? 2 : 1;
    m->since += cost;
    if (n > 1 && m->folds != MEASURE_IMPOSSIBLE)
        m->folds = MAX(m->folds, measure_folds(str_head(rest, n)));
    if (rest.p[0] == ' ' || rest.p[0] == '\n')
        m->space = here(m);
}

/* Behind a stop: closers and blanks are taken along; true when a sentence ended there. */
static bool finish_sentence(struct measurer *m)
{
    bool paragraph = false;

    while (m->at < m->body.n) {
        struct str rest = str_skip(m->body, m->at);
        /* a French closer stands behind a space */
        bool spaced_closer = rest.p[0] == ' ' && str_starts(str_skip(rest, 1), STR("\xC2\xBB"));

        if (!is_closer(rest) && !is_stop(rest) && !spaced_closer)
            break;
        step(m);
    }
    if (m->at == m->body.n || !is_blank(str_skip(m->body, m->at)))
        return m->at == m->body.n;
    while (is_blank(str_skip(m->body, m->at))) {
        paragraph |= m->body.p[m->at] == '\n';
        step(m);
    }
    if (m->at == m->body.n)
        return true;
    char next = m->body.p[m->at];

    return paragraph || !(next >= 'a' && next <= 'z');
}

static void take(struct measurer *m)
{
    size_t dot = m->at;
    struct str rest = str_skip(m->body, m->at);
    bool stop = is_stop(rest);

    if (rest.p[0] == '\n') { /* a paragraph without a stop: a heading, a line of speech */
        while (is_blank(str_skip(m->body, m->at)))
            step(m);
        push(m, here(m));
        return;
    }
    step(m);
    if (stop && !is_short_form(m, dot) && finish_sentence(m))
        push(m, here(m));
}

struct cut *measure_cuts(struct str body, size_t *n)
{
    struct measurer m = {.body = body};

    while (m.at < body.n)
        take(&m);
    if (m.n == 0 || m.cuts[m.n - 1].chars != m.chars)
        push(&m, here(&m));
    *n = m.n;
    return m.cuts;
}
