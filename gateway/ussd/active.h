/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many dialogues are open: the gauge coko_ussd_sessions_active.
 *
 * No worker sees a dialogue whole: each hop may come to another. So each keeps a part, and only the
 * sum over workers and machines means anything; a part may be below zero.
 *
 *   a hop leaves a dialogue open   +1, for ACTIVE_S: no network waits longer for an answer
 *   its next hop, here or there    -1, for what is left of that time, which the session tells
 *
 * Both die in the same second, so nothing has to be found again and nothing stays behind. What the sum
 * does not know: who hung up behind a carrier that does not tell counts until his time is over. A
 * worker that dies takes its part along, and an abort that is told twice counts twice: both are wrong
 * until then, and no longer.
 *
 * Order of calls: active_init; active_hop any number of times; active_fini.
 */
#ifndef COKO_USSD_ACTIVE_H
#define COKO_USSD_ACTIVE_H

#include "gateway/io/loop.h"

#define ACTIVE_S    180
#define ACTIVE_RING 256 /* seconds: ACTIVE_S, and room for machines whose clocks differ */
#define ACTIVE_SKEW 60

struct active {
    struct loop_timer timer;
    int64_t now, until;       /* Unix seconds: what is over, and the last that is counted */
    int64_t sum;              /* of due */
    int32_t due[ACTIVE_RING]; /* by the second in which it is over */
};

void active_init(struct active *a, struct loop *loop);

/* before: when the dialogue's last hop left it open, 0: there is none such. opened: when this one
 * does, 0: it closes it. Unix seconds. */
void active_hop(struct active *a, uint32_t before, uint32_t opened);

void active_fini(struct active *a);

#endif
