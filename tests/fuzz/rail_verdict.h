/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds of a verdict whatever bytes a rail sent: for the fuzz targets of rails, which add what a
 * success of theirs must be.
 */
#ifndef COKO_FUZZ_RAIL_VERDICT_H
#define COKO_FUZZ_RAIL_VERDICT_H

#include <assert.h>
#include <string.h>

#include "gateway/money/rail.h"

/* A text of cap bytes ends within them and is printable ASCII. */
static inline void check_text(const char *s, size_t cap)
{
    size_t n = strnlen(s, cap);

    assert(n < cap);
    for (size_t i = 0; i < n; i++)
        assert(s[i] >= 0x20 && s[i] < 0x7F);
}

/* Its event is a word of the list, its texts can be shown, a link is https, money is not negative. */
static inline void check_shape(const struct rail_verdict *v)
{
    assert(v->event < CHARGE_EVENTS);
    check_text(v->reason, sizeof v->reason);
    check_text(v->rail_txn, sizeof v->rail_txn);
    check_text(v->rail_ref, sizeof v->rail_ref);
    check_text(v->currency, sizeof v->currency);
    check_text(v->memo, sizeof v->memo);
    check_text(v->callback_key, sizeof v->callback_key);
    check_text(v->link, sizeof v->link);
    assert(!*v->link || strncmp(v->link, "https://", 8) == 0);
    assert(!v->has_amount || v->amount_minor >= 0);
}

#endif
