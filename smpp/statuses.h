/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statuses: what one carrier means by its own statuses, as data: 0x400-0x4FF belong to it (v3.4
 * 5.1.3), and some use numbers that the standard reserves (0x5A, 0x94) or bend its own. Written as
 *
 *   0x5A permanent, 0x94 permanent, 0x401-0x40F throttle, 0x400-0x4FF once
 *
 * A number or a range, and a class: retry, once, throttle, defer, permanent, route, vendor. The
 * first that holds a status decides, so an exception stands before its range; what none holds has
 * its class of pdu.def. 0 is success and stays it. Pure.
 */
#ifndef COKO_SMPP_STATUSES_H
#define COKO_SMPP_STATUSES_H

#include <stdint.h>

#include "gateway/lib/base.h"
#include "gateway/lib/err.h"
#include "gateway/lib/str.h"
#include "smpp/pdu.h"

#define STATUSES_MAX 32 /* rules of one carrier */

struct status_rule {
    uint32_t from, to;
    enum smpp_class class;
};

/* Zeroed: the standard alone. */
struct statuses {
    struct status_rule rules[STATUSES_MAX];
    unsigned n;
};

/* Reads the rules; "" is none. -1: e names the rule that is wrong, *out is undefined. */
MUST_CHECK int statuses_parse(struct str text, struct statuses *out, struct err *e);

/* Class of a status at this carrier; s NULL: the standard. */
enum smpp_class statuses_class(const struct statuses *s, uint32_t status);

#endif
