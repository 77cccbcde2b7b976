/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_config: a link's own copy of what it was told, checked and with defaults. For link.c alone.
 */
#ifndef COKO_SMPP_LINK_CONFIG_H
#define COKO_SMPP_LINK_CONFIG_H

#include "smpp/link.h"

/* Copies from into to; its strings go into mem[size]. -1: no host, a credential that does not fit a
 * bind, or more text than mem holds. mem holds secrets: wipe it at the end. */
MUST_CHECK int link_config_copy(struct link_config *to, const struct link_config *from, char *mem,
                                size_t size, struct err *e);

/* Would an attempt under the other one knock at the same door, with the same key? */
bool link_config_alike(const struct link_config *a, const struct link_config *b);

/* base, doubled so many times, at most ceiling. */
int64_t link_backoff(int64_t base, unsigned times, int64_t ceiling);
/* ms, a quarter more or less. */
int64_t link_jitter(int64_t ms);

#endif
