/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal handset: lines from standard input, hops over HTTP, SMS from the lab's SMSC.
 *
 *            line read              posted             answered, or failed
 *   READY ------------> /sms N waits --------> BUSY -------------------------> READY
 *     |                                    (lines wait)
 *     +--- /quit, or end of input ---> over
 *
 * Interactive on a terminal: the handset is drawn, SMS appear when they come. Otherwise plain lines
 * and nothing unasked for, so that a script's output depends on its input alone; a hop that fails
 * makes the exit code 1.
 *
 * An input line answers the open screen; with no session open it is dialled (empty: the service
 * code). Commands: /dial [CODE], /again, /hang [timeout], /sms [N], /help, /quit.
 */
#ifndef COKO_PHONE_TERMINAL_H
#define COKO_PHONE_TERMINAL_H

#include <stdbool.h>

#include "gateway/phone/carrier.h"

struct phone_options {
    const char *url; /* of the daemon, without a slash at its end */
    const struct profile *profile;
    const char *secret; /* of the callback address */
    struct phone_sim sim;
    const char *listen;  /* where screens are posted, "HOST:PORT"; "" where they come as answers */
    const char *sms_url; /* control API of the lab's SMSC; "" for none */
    bool framed;         /* draw the handset, tell SMS when they come */
};

/* Runs until /quit or the end of standard input: 0, or 1 when something failed. */
int phone_terminal_run(const struct phone_options *o);

#endif
