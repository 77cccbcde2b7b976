/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of networks, "10.0.0.0/8, 2001:db8::/32, 192.0.2.7", and whether an address is in one.
 */
#ifndef COKO_IO_NETS_H
#define COKO_IO_NETS_H

#include <stdbool.h>

#include "gateway/lib/base.h"
#include "gateway/lib/err.h"

struct nets;

/* -1 ERR_BAD_CONFIG: a word that is no network. An empty list has nobody. */
MUST_CHECK int nets_new(const char *list, struct nets **out, struct err *e);

/* NULL is allowed. */
void nets_free(struct nets *s);

/* address as http_exchange.peer has it. */
bool nets_have(const struct nets *s, const char *address);

#endif
