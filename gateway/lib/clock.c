/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two clocks of the machine, or two numbers that a test has set.
 */
#include "gateway/lib/clock.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Global on purpose: time is global, and a test must reach every reader of it. */
static struct {
    bool set;
    int64_t mono_us, wall_us;
} fake;

static int64_t read_us(clockid_t id)
{
    struct timespec ts;

    if (clock_gettime(id, &ts) != 0)
        abort(); /* cannot fail with these two clocks */
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    return fake.set ? fake.mono_us : read_us(CLOCK_MONOTONIC);
}

int64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t clock_wall_us(void)
{
    return fake.set ? fake.wall_us : read_us(CLOCK_REALTIME);
}

void clock_set_fake(int64_t mono_us, int64_t wall_us)
{
    fake.set = true;
    fake.mono_us = mono_us;
    fake.wall_us = wall_us;
}

void clock_advance_us(int64_t us)
{
    assert(fake.set && us >= 0);
    fake.mono_us += us;
    fake.wall_us += us;
}

void clock_set_real(void)
{
    fake.set = false;
}

void clock_iso(int64_t wall_us, char out[CLOCK_ISO_LEN])
{
    const int64_t first = -62135596800LL, last = 253402300799LL; /* years 1 to 9999 */
    int64_t sec = wall_us / 1000000, us = wall_us % 1000000;
    struct tm tm;
    time_t t;

    if (us < 0) {
        us += 1000000;
        sec--;
    }
    t = sec < first ? first : sec > last ? last : sec;
    if (!gmtime_r(&t, &tm))
        abort(); /* cannot fail within these years */
    snprintf(out, CLOCK_ISO_LEN, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
             (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
             (unsigned)tm.tm_sec % 100, (unsigned)us % 1000000);
}
