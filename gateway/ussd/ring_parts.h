/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between ring.c (what is claimed and pushed) and ring_ask.c (who asks for it).
 */
#ifndef COKO_USSD_RING_PARTS_H
#define COKO_USSD_RING_PARTS_H

#include "gateway/ussd/ring.h"

#define PURPOSE_MAX   15
#define MESSAGE_TOPIC "coko_message"

struct ring {
    struct ussd *u;
    struct op claim;
    struct loop_timer poll;
    bool draining;
    struct list pushes;
    unsigned npushes;
    struct list asks; /* requests that wait for their row */
    unsigned nasks;
};

/* Cuts loose who waits. */
void ring_asks_free(struct ring *r);

#endif
