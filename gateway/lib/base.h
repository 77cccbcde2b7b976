/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few macros every file may use. Nothing here has code of its own.
 */
#ifndef COKO_LIB_BASE_H
#define COKO_LIB_BASE_H

#include <stddef.h>

/* The caller must look at the result. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* Argument number f is a printf format whose values start at argument a. */
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

#define UNUSED __attribute__((unused))

/* Number of elements of a true array (a pointer does not compile). */
#define ARRAY_LEN(a)                                                                               \
    (sizeof(a) / sizeof((a)[0]) +                                                                  \
     0 * sizeof(struct {                                                                           \
         int not_an_array : !__builtin_types_compatible_p(__typeof__(a), __typeof__(&(a)[0]));     \
     }))

/* The struct that holds `member` at `ptr`. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
