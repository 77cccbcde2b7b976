/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate: how fast one account may submit. A token bucket counted in message parts, with a burst,
 * that gives way when the carrier says so:
 *
 *            0x58 (first of a pause)                  pause over, part accepted
 *   OPEN ------------------------------> PAUSED -------------------------------> OPEN at half speed
 *     ^   rate halves, nothing goes out                                             |
 *     +------- a tenth of the full rate is given back each second <----------------+
 *
 * A pause lasts 1 s, then 2, 4 .. 30 s while 0x58 goes on; an accepted part ends the series. v5
 * congestion_state slows from 80 and stops at 100. Without a limit the speed seen in the last whole
 * second stands for the full rate until it has been given back.
 *
 * Time is given, in milliseconds of a steady clock. Never sends and never allocates.
 */
#ifndef COKO_SMPP_RATE_H
#define COKO_SMPP_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_PAUSE_MIN_MS 1000
#define RATE_PAUSE_MAX_MS 30000

struct rate {
    uint32_t full;        /* parts a second by contract; 0: no limit */
    uint32_t burst;       /* parts */
    int64_t now_rate;     /* thousandths of a part a second; 0: no limit */
    int64_t top_rate;     /* what now_rate grows back to */
    int64_t tokens;       /* thousandths of a part */
    int64_t grain;        /* millionths of a part on top */
    int64_t filled_at;    /* ms: tokens and now_rate are true at this time */
    int64_t paused_until; /* ms */
    int64_t pause_ms;     /* length of the current or last pause of this series; 0: no series */
    uint8_t congestion;   /* last congestion_state, 0..100 */
    int64_t second_at;    /* ms: start of the second being counted */
    uint32_t second_sent, last_second_sent;
};

/* parts_per_s: 0 for no limit. burst: parts that may go at once, at least 1 (0: one second's). */
void rate_init(struct rate *r, uint32_t parts_per_s, uint32_t burst, int64_t now);

/* Reload: new contract, pause and congestion are kept. */
void rate_set(struct rate *r, uint32_t parts_per_s, uint32_t burst, int64_t now);

/* Takes one part's token; false: not now, see rate_wait. */
bool rate_take(struct rate *r, int64_t now);

/* Takes so many parts' tokens, into debt where there are fewer: rate_take waits until it is paid. */
void rate_spend(struct rate *r, uint32_t parts, int64_t now);

/* Milliseconds until rate_take may be true, 0: now. */
int64_t rate_wait(struct rate *r, int64_t now);

/* How many rate_take would be true one after the other right now; UINT32_MAX without a limit. */
uint32_t rate_room(struct rate *r, int64_t now);

/* Parts a second that are allowed now, rounded up; 0: no limit. Pauses aside. */
uint32_t rate_now(const struct rate *r);

/* The carrier answered 0x58, or its queue is full for everybody. Several answers of one window
 * count once: only the first after a pause halves and lengthens. */
void rate_throttled(struct rate *r, int64_t now);

/* A part was accepted: the series of pauses ends. */
void rate_accepted(struct rate *r, int64_t now);

/* A response carried congestion_state (v5 4.8.4.18), 0..100; higher values count as 100. */
void rate_congestion(struct rate *r, uint8_t state, int64_t now);

#endif
