/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors of the world: a code, an errno where there is one, a message. Our own bugs are asserts,
 * not errors.
 *
 * A function that can fail returns 0 or -1, is MUST_CHECK and takes `struct err *e` last, never
 * NULL:
 *     return err_set(e, ERR_BAD_INPUT, "year %d out of range", year);
 * On the way up add context with err_wrap; log once, where it is decided what happens.
 * Codes and texts stand in err.def.
 */
#ifndef COKO_LIB_ERR_H
#define COKO_LIB_ERR_H

#include "gateway/lib/base.h"

enum err_code {
#define X(code, name, text) ERR_##code,
#include "gateway/lib/err.def"
#undef X
    ERR_CODES
};

struct err {
    enum err_code code; /* ERR_OK = 0 when nothing failed */
    int sys;            /* errno, or 0 */
    char msg[160];      /* always terminated; may contain peer bytes: escape before printing */
};

/* Fill e and return -1. A longer message is cut, never overrun. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The same with an errno; ": <text of sys>" is appended to the message. Returns -1. */
int err_sys(struct err *e, enum err_code code, int sys, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Put "<context>: " in front of the message, keep code and sys. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

#ifdef __clang_analyzer__ /* it sees one file at a time: what the three above return, always */
static inline int err_minus_one(int ignored)
{
    (void)ignored;
    return -1;
}
#define err_set(...)  err_minus_one((err_set)(__VA_ARGS__))
#define err_sys(...)  err_minus_one((err_sys)(__VA_ARGS__))
#define err_wrap(...) err_minus_one((err_wrap)(__VA_ARGS__))
#endif

/* Back to ERR_OK with an empty message. */
void err_clear(struct err *e);

/* Short stable name ("db_unique") for logs and metric labels; "?" outside the enum. */
const char *err_name(enum err_code code);

/* One sentence for people; "?" outside the enum. */
const char *err_text(enum err_code code);

#endif
