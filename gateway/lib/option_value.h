/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One typed value: text into a struct's field and back. Behind option.c only.
 */
#ifndef COKO_LIB_OPTION_VALUE_H
#define COKO_LIB_OPTION_VALUE_H

#include "gateway/lib/option.h"

#define OPTION_SECRET_FILE_MAX 16384

/*
 * Parse text and store it at row->offset in out; -1 with what is wrong (never a secret's text), out
 * untouched.
 */
MUST_CHECK int option_value_set(const struct option_row *row, struct str text, struct arena *arena,
                                void *out, struct err *e);

/* Is the stored value the empty string, list, or 0? */
bool option_value_empty(const struct option_row *row, const void *values);

/* As a file would say it; secrets masked. */
void option_value_print(const struct option_row *row, const void *values, struct buf *out);

#endif
