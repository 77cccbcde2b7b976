/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a dialogue is, for carriers whose notices do not say (Infobip's end and status, Huawei's
 * abort): they name the session, and sessions are kept by carrier, session and number.
 *
 * At a dialogue's beginning its number is kept in Redis, sealed, under the carrier and the session
 * (S5). A notice without a number finds it there and becomes what it would have been with one. Where
 * it is not found, or Redis does not answer, a notice changes nothing, as before it came.
 *
 * Order of calls: whose_new; whose_keep, whose_notice, whose_status; whose_idle until true;
 * whose_free, before the turns' own things.
 */
#ifndef COKO_USSD_WHOSE_H
#define COKO_USSD_WHOSE_H

#include "gateway/io/http_server.h"
#include "gateway/ussd/turn.h"

#define WHOSE_MAX    2048             /* questions of a worker in flight; beyond it none is asked */
#define WHOSE_TTL_MS (10 * 60 * 1000) /* longer than any network keeps a dialogue */

struct whose;

struct whose *whose_new(struct ussd *u);

/* No question is in flight. */
bool whose_idle(const struct whose *w);

/* Keeps the number of a beginning dialogue. Sent before the turn's own commands. */
void whose_keep(struct whose *w, const struct carrier *c, const struct ussd_event *ev);

/* An abort or timeout, answered already: a turn without a port follows when the number is found. */
void whose_notice(struct whose *w, const struct carrier *c, const struct ussd_event *ev);

/* Whether the session lives: tell is called once with the answer, unless x is gone first. */
typedef void whose_tell(struct ussd *u, const struct carrier *c, const struct ussd_event *ev,
                        bool active, struct http_exchange *x);
void whose_status(struct whose *w, const struct carrier *c, const struct ussd_event *ev,
                  struct http_exchange *x, whose_tell *tell);

/* Questions in flight are cut loose. NULL is allowed. */
void whose_free(struct whose *w);

#endif
