/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only source of time of the program. Deadlines use the monotonic clock; the wall clock is for
 * people, peers and logs. Tests set both and move them together; nothing else may call
 * clock_gettime or time.
 */
#ifndef COKO_LIB_CLOCK_H
#define COKO_LIB_CLOCK_H

#include <stdint.h>

/* Monotonic time. Starts anywhere, never goes back. */
int64_t clock_mono_us(void);
int64_t clock_mono_ms(void);

/* Microseconds since 1970-01-01 UTC; may jump. */
int64_t clock_wall_us(void);

/* Tests: from now on both clocks stand still at these values. */
void clock_set_fake(int64_t mono_us, int64_t wall_us);

/* Tests: move both standing clocks (asserts that they are set). */
void clock_advance_us(int64_t us);

/* Tests: back to the machine's clocks. */
void clock_set_real(void);

#define CLOCK_ISO_LEN 28 /* "2026-07-04T12:34:56.123456Z" + NUL */

/* UTC in ISO 8601 with microseconds; years outside 1-9999 are clamped. */
void clock_iso(int64_t wall_us, char out[CLOCK_ISO_LEN]);

#endif
