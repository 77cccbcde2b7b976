/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window: our requests that wait for a response, found by sequence number (never by command id:
 * some peers answer with the wrong one). Owns the sequence counter of a link, the in-flight slots
 * and the table of late sequence numbers.
 *
 * Order of calls: window_init, then per request window_open .. one of window_match, window_expire,
 * window_drain; window_free at the end. Each tag leaves as in flight exactly once: by a match, by
 * its timeout or by a drain (M4). A tag that timed out may come back once more, as late.
 *
 * Time is given, in milliseconds of any steady clock. It never sends, allocates in init and in window_set_limit only.
 */
#ifndef COKO_SMPP_WINDOW_H
#define COKO_SMPP_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_MAX     4096 /* in-flight requests of one link */
#define WINDOW_DEFAULT 10
#define WINDOW_LATE    1024        /* timed-out sequence numbers that are remembered */
#define SMPP_SEQ_MAX   0x7FFFFFFFu /* v3.4 5.1.4: 1..SMPP_SEQ_MAX, then 1 again */

enum window_found {
    WINDOW_UNKNOWN, /* nothing waits for this number */
    WINDOW_LIVE,    /* it was in flight; it no longer is */
    WINDOW_WAS_LATE /* it had timed out; the late entry is used up */
};

struct window_slot {
    uint64_t tag;
    int64_t deadline;
    uint32_t seq;        /* 0: the slot is free */
    uint32_t prev, next; /* slot numbers, in order of deadline */
};

struct window_late {
    uint64_t tag;
    uint32_t seq; /* 0: empty */
};

struct window {
    struct window_slot *slots; /* slot of a number is number & mask */
    uint32_t mask;
    uint32_t limit;
    uint32_t used;
    uint32_t next_seq;
    uint32_t oldest, newest;
    int64_t timeout_ms;
    struct window_late late[WINDOW_LATE];
    uint32_t late_at;
};

/* limit: requests in flight, 1..WINDOW_MAX, clamped. timeout_ms: how long a response may take.
 * first_seq: 1..SMPP_SEQ_MAX, the first number to give out. Aborts when memory is out. */
void window_init(struct window *w, uint32_t limit, int64_t timeout_ms, uint32_t first_seq);
void window_free(struct window *w);

/* Changes the limit while requests are in flight (reload), clamped. A lower limit only delays new
 * requests; a higher one may move the table. */
void window_set_limit(struct window *w, uint32_t limit);

/* How many more requests may be opened now. */
uint32_t window_room(const struct window *w);

/* A number for a request that has its own timer (bind, enquire_link, unbind): takes no slot. */
uint32_t window_reserve(struct window *w);

/* Puts one request in flight and returns its number. The caller has seen window_room() > 0. Skips
 * numbers whose slot is still in use, so a wrap over a full window gives no number twice. */
uint32_t window_open(struct window *w, uint64_t tag, int64_t now);

/* A response arrived. Sets *tag unless the answer is WINDOW_UNKNOWN. */
enum window_found window_match(struct window *w, uint32_t seq, uint64_t *tag);

/* Takes out the oldest request whose time is over at now; false: none. Its number becomes late. */
bool window_expire(struct window *w, int64_t now, uint64_t *tag);

/* Takes out the oldest request whatever its time (the link is lost); false: none is left, and the
 * late table is empty too: no response crosses from one connection to the next. */
bool window_drain(struct window *w, uint64_t *tag);

/* When the next request times out; INT64_MAX when none is in flight. */
int64_t window_deadline(const struct window *w);

#endif
