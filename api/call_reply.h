/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call sends: between call.c (the machine) and the writers of bodies.
 */
#ifndef COKO_API_CALL_REPLY_H
#define COKO_API_CALL_REPLY_H

#include "api/call.h"

/* What the cursor of this call belongs to: route, filters, reader. Appended to out. */
void call_scope(const struct call *c, struct buf *out);

/*
 * Writes the rows of SQL, or the handler's answer, and sets c->status (200 or 304). false:
 * c->problem is set. Nothing is sent yet.
 */
MUST_CHECK bool call_render(struct call *c);

/* Sends what call_render wrote. The exchange is dead afterwards; so it is after the next two. */
void call_send(struct call *c);

/* The answer to OPTIONS. */
void call_send_options(struct call *c);

/* The problem. */
void call_send_problem(struct call *c);

#endif
