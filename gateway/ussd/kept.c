/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored form of an action's end. See kept.h for the layout.
 */
#include "gateway/ussd/kept.h"

#define HEADER    2
#define CLEAR_MAX (KEPT_MAX - HEADER - SEAL_OVERHEAD)

static void put16(struct buf *b, size_t v)
{
    buf_addc(b, (char)(v >> 8));
    buf_addc(b, (char)v);
}

static void put_cell(struct buf *b, struct str s)
{
    put16(b, s.p ? s.n : KEPT_NULL);
    buf_adds(b, s.p ? s : STR_EMPTY);
}

static int put_rows(const struct seal_ring *ring, struct str key, const struct menu_rows *r,
                    struct buf *out, struct err *e)
{
    struct buf clear;
    int rc;

    buf_init(&clear, CLEAR_MAX);
    put16(&clear, r->ncols);
    put16(&clear, r->nrows);
    for (size_t i = 0; i < r->ncols; i++)
        put_cell(&clear, r->cols[i]);
    for (size_t i = 0; i < r->nrows * r->ncols; i++)
        put_cell(&clear, r->cells[i]);
    rc = buf_check(&clear, e);
    if (rc == 0)
        seal_close(ring, key, buf_str(&clear), out);
    buf_wipe(&clear);
    return rc;
}

int kept_encode(const struct seal_ring *ring, struct str key, const struct kept *k, struct buf *out,
                struct err *e)
{
    buf_addc(out, KEPT_FORMAT);
    buf_addc(out, (char)k->what);
    if (k->what == KEPT_FAILED)
        buf_addc(out, (char)k->why);
    if (k->what == KEPT_ROWS && put_rows(ring, key, &k->rows, out, e) != 0)
        return -1;
    return buf_check(out, e);
}

/* Sticky: after the first fault everything reads as 0 and empty. */
struct reader {
    struct str rest;
    bool bad;
};

static size_t get16(struct reader *r)
{
    const unsigned char *p = (const unsigned char *)r->rest.p;

    if (r->rest.n < 2) {
        *r = (struct reader){.rest = STR_EMPTY, .bad = true};
        return 0;
    }
    r->rest = str_skip(r->rest, 2);
    return (size_t)p[0] << 8 | p[1];
}

static struct str get_cell(struct reader *r)
{
    size_t n = get16(r);
    struct str s = str_head(r->rest, n);

    if (n == KEPT_NULL && !r->bad)
        return (struct str){NULL, 0};
    r->bad |= s.n < n;
    r->rest = str_skip(r->rest, s.n);
    return s;
}

/* Every cell has two bytes at least: what is allocated is bounded by what is read. */
static bool get_rows(struct str clear, struct arena *a, struct menu_rows *out)
{
    struct reader r = {.rest = arena_str(a, clear)};
    size_t ncols = get16(&r), nrows = get16(&r);
    struct str *cols, *cells;

    if (r.bad || ncols > r.rest.n || nrows * ncols > r.rest.n)
        return false;
    cols = arena_zalloc(a, ncols + 1, sizeof *cols);
    cells = arena_zalloc(a, nrows * ncols + 1, sizeof *cells);
    if (!cols || !cells)
        return false;
    for (size_t i = 0; i < ncols; i++)
        cols[i] = get_cell(&r);
    for (size_t i = 0; i < nrows * ncols; i++)
        cells[i] = get_cell(&r);
    *out = (struct menu_rows){.nrows = nrows, .ncols = ncols, .cols = cols, .cells = cells};
    return !r.bad && r.rest.n == 0;
}

static bool open_rows(const struct seal_ring *ring, struct str key, struct str sealed,
                      struct arena *a, struct menu_rows *out)
{
    struct buf clear;
    struct err e = {0};
    bool ok;

    buf_init(&clear, KEPT_MAX);
    ok = seal_open(ring, key, sealed, &clear, &e) == 0 && get_rows(buf_str(&clear), a, out);
    buf_wipe(&clear);
    return ok;
}

void kept_decode(const struct seal_ring *ring, struct str key, struct str bytes, struct arena *a,
                 struct kept *out)
{
    struct str rest = str_skip(bytes, HEADER);

    *out = (struct kept){.what = KEPT_NOTHING};
    if (bytes.n < HEADER || bytes.n > KEPT_MAX || bytes.p[0] != KEPT_FORMAT)
        return;
    switch (bytes.p[1]) {
    case KEPT_RUNNING: out->what = rest.n == 0 ? KEPT_RUNNING : KEPT_NOTHING; break;
    case KEPT_FAILED:
        if (rest.n != 1 || (unsigned char)rest.p[0] > MENU_FAIL_BUG)
            return;
        out->what = KEPT_FAILED;
        out->why = (enum menu_failure)rest.p[0];
        break;
    case KEPT_ROWS:
        if (open_rows(ring, key, rest, a, &out->rows))
            out->what = KEPT_ROWS;
        break;
    default: break;
    }
}
