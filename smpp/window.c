/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slot of a number is its low bits: numbers are given out in order, so a slot is still in use
 * only when its request is a whole table behind, and then the number is skipped. No hashing, no
 * search. All requests have the same timeout, so the list in order of opening is in order of
 * deadline.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "smpp/window.h"

#define NONE UINT32_MAX

static uint32_t clamp(uint32_t v, uint32_t low, uint32_t high)
{
    return v < low ? low : v > high ? high : v;
}

void window_init(struct window *w, uint32_t limit, int64_t timeout_ms, uint32_t first_seq)
{
    uint32_t slots = 64;

    memset(w, 0, sizeof *w);
    w->limit = clamp(limit, 1, WINDOW_MAX);
    while (slots < w->limit * 2)
        slots *= 2;
    w->slots = calloc(slots, sizeof *w->slots);
    if (w->slots == NULL)
        abort();
    w->mask = slots - 1;
    w->next_seq = clamp(first_seq, 1, SMPP_SEQ_MAX);
    w->timeout_ms = timeout_ms;
    w->oldest = w->newest = NONE;
}

void window_free(struct window *w)
{
    free(w->slots);
    w->slots = NULL;
}

/* What is in flight moves in its order; numbers that differed in the old table differ in a larger. */
static void grow(struct window *w, uint32_t slots)
{
    struct window_slot *fresh = calloc(slots, sizeof *fresh);
    uint32_t oldest = NONE, last = NONE;

    if (fresh == NULL)
        abort();
    for (uint32_t at = w->oldest; at != NONE; at = w->slots[at].next) {
        uint32_t to = w->slots[at].seq & (slots - 1);

        fresh[to] = w->slots[at];
        fresh[to].prev = last;
        fresh[to].next = NONE;
        if (last == NONE)
            oldest = to;
        else
            fresh[last].next = to;
        last = to;
    }
    free(w->slots);
    w->slots = fresh;
    w->mask = slots - 1;
    w->oldest = oldest;
    w->newest = last;
}

void window_set_limit(struct window *w, uint32_t limit)
{
    uint32_t slots = w->mask + 1;

    w->limit = clamp(limit, 1, WINDOW_MAX);
    while (slots < w->limit * 2)
        slots *= 2;
    if (slots > w->mask + 1)
        grow(w, slots);
}

uint32_t window_room(const struct window *w)
{
    return w->used < w->limit ? w->limit - w->used : 0;
}

uint32_t window_reserve(struct window *w)
{
    uint32_t seq;

    do {
        seq = w->next_seq;
        w->next_seq = seq == SMPP_SEQ_MAX ? 1 : seq + 1;
    } while (w->slots[seq & w->mask].seq != 0);
    return seq;
}

uint32_t window_open(struct window *w, uint64_t tag, int64_t now)
{
    uint32_t seq, at;

    assert(window_room(w) > 0);
    seq = window_reserve(w);
    at = seq & w->mask;
    w->slots[at] = (struct window_slot){
        .tag = tag,
        .deadline = now + w->timeout_ms,
        .seq = seq,
        .prev = w->newest,
        .next = NONE,
    };
    if (w->newest != NONE)
        w->slots[w->newest].next = at;
    else
        w->oldest = at;
    w->newest = at;
    w->used++;
    return seq;
}

static uint64_t take(struct window *w, uint32_t at)
{
    struct window_slot *s = &w->slots[at];

    assert(s->seq != 0 && w->used > 0);
    if (s->prev != NONE)
        w->slots[s->prev].next = s->next;
    else
        w->oldest = s->next;
    if (s->next != NONE)
        w->slots[s->next].prev = s->prev;
    else
        w->newest = s->prev;
    s->seq = 0;
    w->used--;
    return s->tag;
}

static bool take_late(struct window *w, uint32_t seq, uint64_t *tag)
{
    for (uint32_t i = 0; i < WINDOW_LATE; i++) {
        if (w->late[i].seq == seq) {
            *tag = w->late[i].tag;
            w->late[i].seq = 0;
            return true;
        }
    }
    return false;
}

enum window_found window_match(struct window *w, uint32_t seq, uint64_t *tag)
{
    uint32_t at = seq & w->mask;

    if (seq == 0)
        return WINDOW_UNKNOWN;
    if (w->slots[at].seq == seq) {
        *tag = take(w, at);
        return WINDOW_LIVE;
    }
    return take_late(w, seq, tag) ? WINDOW_WAS_LATE : WINDOW_UNKNOWN;
}

bool window_expire(struct window *w, int64_t now, uint64_t *tag)
{
    struct window_late *late = &w->late[w->late_at];

    if (w->oldest == NONE || w->slots[w->oldest].deadline > now)
        return false;
    late->seq = w->slots[w->oldest].seq;
    late->tag = *tag = take(w, w->oldest);
    w->late_at = (w->late_at + 1) % WINDOW_LATE;
    return true;
}

bool window_drain(struct window *w, uint64_t *tag)
{
    if (w->oldest != NONE) {
        *tag = take(w, w->oldest);
        return true;
    }
    memset(w->late, 0, sizeof w->late);
    return false;
}

int64_t window_deadline(const struct window *w)
{
    return w->oldest == NONE ? INT64_MAX : w->slots[w->oldest].deadline;
}
