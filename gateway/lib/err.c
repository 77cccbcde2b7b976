/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling struct err; names and texts come from err.def. Never allocates.
 */
#include "gateway/lib/err.h"

/* macros where the analyzer reads err.h */
#undef err_set
#undef err_sys
#undef err_wrap

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *text;
} codes[] = {
#define X(code, name, text) [ERR_##code] = {name, text},
#include "gateway/lib/err.def"
#undef X
};

static void err_fill(struct err *e, enum err_code code, int sys, const char *fmt, va_list ap)
{
    e->code = code;
    e->sys = sys;
    if (vsnprintf(e->msg, sizeof(e->msg), fmt, ap) < 0)
        e->msg[0] = '\0';
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    err_fill(e, code, 0, fmt, ap);
    va_end(ap);
    return -1;
}

int err_sys(struct err *e, enum err_code code, int sys, const char *fmt, ...)
{
    va_list ap;
    char text[64];
    size_t len;

    va_start(ap, fmt);
    err_fill(e, code, sys, fmt, ap);
    va_end(ap);
    len = strlen(e->msg);
    snprintf(e->msg + len, sizeof(e->msg) - len, ": %s", strerror_r(sys, text, sizeof(text)));
    return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    va_list ap;
    char inner[sizeof(e->msg)];
    size_t len;

    memcpy(inner, e->msg, sizeof(inner));
    va_start(ap, fmt);
    err_fill(e, e->code, e->sys, fmt, ap);
    va_end(ap);
    len = strlen(e->msg);
    if (len + 2 < sizeof(e->msg)) { /* what is cut is the end of the inner message */
        memcpy(e->msg + len, ": ", 2);
        len += 2;
        memcpy(e->msg + len, inner, sizeof(e->msg) - len);
        e->msg[sizeof(e->msg) - 1] = '\0';
    }
    return -1;
}

void err_clear(struct err *e)
{
    e->code = ERR_OK;
    e->sys = 0;
    e->msg[0] = '\0';
}

const char *err_name(enum err_code code)
{
    return (unsigned)code < ARRAY_LEN(codes) ? codes[code].name : "?";
}

const char *err_text(enum err_code code)
{
    return (unsigned)code < ARRAY_LEN(codes) ? codes[code].text : "?";
}
