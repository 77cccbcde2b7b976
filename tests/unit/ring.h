/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of one key for a group of tests: group setup and teardown.
 */
#ifndef COKO_TESTS_RING_H
#define COKO_TESTS_RING_H

#include "gateway/lib/seal.h"

static struct seal_ring *ring;

static int open_ring(void **state)
{
    struct err e = {0};

    (void)state;
    return seal_ring_new(STR("1:0101010101010101010101010101010101010101010101010101010101010101"),
                         &ring, &e);
}

static int close_ring(void **state)
{
    (void)state;
    seal_ring_free(ring);
    return 0;
}

#endif
