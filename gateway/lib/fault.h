/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of faults found in files, so that all are shown at once: one line each, "file:line:
 * message", in the order found. Beyond FAULT_MAX they are only counted.
 */
#ifndef COKO_LIB_FAULT_H
#define COKO_LIB_FAULT_H

#include "gateway/lib/buf.h"

#define FAULT_MAX 200

struct fault_list {
    size_t count;    /* all faults, also those not kept */
    struct buf text; /* the lines, each ended by a newline, control bytes shown as \xHH */
};

void fault_init(struct fault_list *f);
void fault_fini(struct fault_list *f);

/* Add one; line 0 gives "file: message". Returns -1, so that it can end a function. */
int fault_add(struct fault_list *f, const char *file, int line, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

#endif
