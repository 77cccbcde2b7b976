/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Redis holds of an action that outlived its hop: any bytes are read or are nothing. Most of the
 * layout stands sealed, where no fuzzer gets in: after an 'S' the bytes are closed first. What was
 * read is written again and must read the same.
 */
#include <stdlib.h>

#include "gateway/ussd/kept.h"

#define KEY STR("coko:l:00")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct seal_ring *ring_once(void)
{
    static struct seal_ring *ring;
    struct err e = {0};

    if (!ring &&
        seal_ring_new(STR("1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
                      &ring, &e) != 0)
        abort();
    return ring;
}

static void must_equal(const struct menu_rows *a, const struct menu_rows *b)
{
    if (a->nrows != b->nrows || a->ncols != b->ncols)
        abort();
    for (size_t i = 0; i < a->ncols; i++)
        if (!str_eq(a->cols[i], b->cols[i]))
            abort();
    for (size_t i = 0; i < a->nrows * a->ncols; i++)
        if (!a->cells[i].p != !b->cells[i].p || !str_eq(a->cells[i], b->cells[i]))
            abort();
}

static void read_twice(struct str bytes)
{
    struct seal_ring *ring = ring_once();
    struct kept one, two;
    struct arena a;
    struct err e = {0};
    struct buf b;

    arena_init(&a, 1024, 256 << 10);
    buf_init(&b, KEPT_MAX);
    kept_decode(ring, KEY, bytes, &a, &one);
    if (one.what != KEPT_NOTHING) {
        if (kept_encode(ring, KEY, &one, &b, &e) != 0)
            abort();
        kept_decode(ring, KEY, buf_str(&b), &a, &two);
        if (two.what != one.what || (one.what == KEPT_FAILED && one.why != two.why))
            abort();
        if (one.what == KEPT_ROWS)
            must_equal(&one.rows, &two.rows);
    }
    buf_fini(&b);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf b;

    if (size == 0 || data[0] != 'S') {
        read_twice(str_n(data, size));
        return 0;
    }
    buf_init(&b, KEPT_MAX);
    buf_addc(&b, KEPT_FORMAT);
    buf_addc(&b, KEPT_ROWS);
    seal_close(ring_once(), KEY, str_n(data + 1, MIN(size - 1, (size_t)8192)), &b);
    read_twice(buf_str(&b));
    buf_fini(&b);
    return 0;
}
