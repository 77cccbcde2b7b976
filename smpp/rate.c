/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amounts are thousandths of a part, so that one part a minute and 20,000 a second use the same
 * integers. A clock that stands still or steps back only delays.
 */
#include <string.h>

#include "smpp/rate.h"

#define PART 1000 /* thousandths */

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The bucket: the burst, and never less than 20 ms of speed, which is a loop's grain. */
static int64_t room(const struct rate *r)
{
    return max64((int64_t)r->burst * PART, r->now_rate / 50);
}

void rate_set(struct rate *r, uint32_t parts_per_s, uint32_t burst, int64_t now)
{
    r->full = parts_per_s;
    r->burst = burst ? burst : parts_per_s ? parts_per_s : 1;
    r->now_rate = r->top_rate = (int64_t)parts_per_s * PART;
    r->tokens = min64(r->tokens, room(r));
    r->filled_at = max64(r->filled_at, now);
}

void rate_init(struct rate *r, uint32_t parts_per_s, uint32_t burst, int64_t now)
{
    memset(r, 0, sizeof *r);
    r->tokens = INT64_MAX;
    r->second_at = r->filled_at = now;
    rate_set(r, parts_per_s, burst, now);
}

/* v5 4.8.4.18: below 80 nothing to do; from 80 the speed falls to a tenth at 99. */
static int64_t effective(const struct rate *r)
{
    int64_t left = 100 - r->congestion;

    return r->congestion < 80 ? r->now_rate : max64(r->now_rate * (left + 1) / 21, PART / 10);
}

uint32_t rate_now(const struct rate *r)
{
    return (uint32_t)((effective(r) + PART - 1) / PART);
}

static void roll_second(struct rate *r, int64_t now)
{
    int64_t gone = now - r->second_at;

    if (gone < 1000)
        return;
    r->last_second_sent = gone < 2000 ? r->second_sent : 0;
    r->second_sent = 0;
    r->second_at = now;
}

/* Brings tokens and the rate to now; a rate that has grown back to an absent limit is no limit. */
static void fill(struct rate *r, int64_t now)
{
    int64_t ms = min64(now - r->filled_at, 60000), grown;

    if (ms <= 0)
        return;
    r->filled_at = now;
    if (r->now_rate == 0)
        return;
    grown = effective(r) * ms + r->grain;
    r->grain = grown % 1000; /* looks every millisecond must not lose what a slow bucket gains */
    r->tokens = min64(room(r), r->tokens + grown / 1000);
    if (r->paused_until <= now && r->pause_ms == 0)
        r->now_rate = min64(r->top_rate, r->now_rate + max64(r->top_rate * ms / 10000, 1));
    if (r->full == 0 && r->now_rate == r->top_rate)
        r->now_rate = r->top_rate = 0;
}

int64_t rate_wait(struct rate *r, int64_t now)
{
    int64_t pause = max64(r->paused_until - now, 0), speed;

    fill(r, now);
    if (r->now_rate == 0 || r->tokens >= PART)
        return pause;
    speed = effective(r);
    return max64(pause, ((PART - r->tokens) * 1000 + speed - 1) / speed);
}

bool rate_take(struct rate *r, int64_t now)
{
    if (rate_wait(r, now) > 0)
        return false;
    if (r->now_rate != 0)
        r->tokens -= PART;
    roll_second(r, now);
    r->second_sent++;
    return true;
}

void rate_spend(struct rate *r, uint32_t parts, int64_t now)
{
    fill(r, now);
    if (r->now_rate != 0)
        r->tokens -= (int64_t)parts * PART;
    roll_second(r, now);
    r->second_sent += parts;
}

uint32_t rate_room(struct rate *r, int64_t now)
{
    if (rate_wait(r, now) > 0)
        return 0;
    return r->now_rate == 0 ? UINT32_MAX : (uint32_t)min64(r->tokens / PART, UINT32_MAX);
}

void rate_throttled(struct rate *r, int64_t now)
{
    if (now < r->paused_until)
        return;
    fill(r, now);
    roll_second(r, now);
    if (r->full == 0 && r->now_rate == 0) {
        uint32_t seen = r->last_second_sent > r->second_sent ? r->last_second_sent : r->second_sent;

        r->now_rate = r->top_rate = max64(seen, 2) * PART;
    }
    r->pause_ms = r->pause_ms ? min64(r->pause_ms * 2, RATE_PAUSE_MAX_MS) : RATE_PAUSE_MIN_MS;
    r->paused_until = now + r->pause_ms;
    r->now_rate = max64(r->now_rate / 2, PART / 10);
    r->tokens = min64(r->tokens, PART);
}

void rate_accepted(struct rate *r, int64_t now)
{
    if (r->pause_ms == 0 || now < r->paused_until)
        return;
    fill(r, now);
    r->pause_ms = 0;
}

void rate_congestion(struct rate *r, uint8_t state, int64_t now)
{
    fill(r, now);
    r->congestion = state > 100 ? 100 : state;
    if (state >= 100) {
        r->paused_until = max64(r->paused_until, now + RATE_PAUSE_MIN_MS);
        r->congestion = 99; /* after the pause one part asks again at the lowest speed */
    }
}
