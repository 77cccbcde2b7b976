/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults as text lines. Bytes of the faulty file may stand in a message: controls are shown, not
 * sent to the terminal.
 */
#include "gateway/lib/fault.h"

#include <stdarg.h>
#include <stdio.h>

#define FAULT_LINE_MAX 512

void fault_init(struct fault_list *f)
{
    f->count = 0;
    buf_init(&f->text, (size_t)FAULT_MAX * FAULT_LINE_MAX * 4);
}

void fault_fini(struct fault_list *f)
{
    buf_fini(&f->text);
    f->count = 0;
}

int fault_add(struct fault_list *f, const char *file, int line, const char *fmt, ...)
{
    char msg[FAULT_LINE_MAX];
    va_list ap;
    int n;

    if (++f->count > FAULT_MAX)
        return -1;
    va_start(ap, fmt);
    n = vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    buf_puts(&f->text, file);
    if (line > 0)
        buf_addf(&f->text, ":%d", line);
    buf_puts(&f->text, ": ");
    for (int i = 0; i < n && i < (int)sizeof(msg) - 1; i++) {
        if ((unsigned char)msg[i] < 0x20 || msg[i] == 0x7F)
            buf_addf(&f->text, "\\x%02X", (unsigned)msg[i]);
        else
            buf_addc(&f->text, msg[i]);
    }
    buf_addc(&f->text, '\n');
    return -1;
}
