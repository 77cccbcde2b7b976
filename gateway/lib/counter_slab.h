/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout of a metrics slab, shared by the writer (counter.c) and the reader (counter_render.c)
 * only.
 */
#ifndef COKO_LIB_COUNTER_SLAB_H
#define COKO_LIB_COUNTER_SLAB_H

#include "gateway/lib/counter.h"

#define COUNTER_SLAB_MAGIC 0x434F4B31U /* "COK1": change with the layout */

struct counter_slab {
    uint32_t magic, entry_size, entries, spare;
    struct counter_entry entry[];
};

/* Upper bound of the i-th bucket of a histogram of this kind in seconds, as the text of its `le` label. */
const char *counter_bucket_le(uint32_t kind, size_t i);

#endif
