/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP port: /ussd/<carrier>/<secret>[/...].
 *
 * Who may not come in gets a bare, counted 404, be it for the name, the secret, the network, the
 * certificate or the credentials (hard case 40). Once a callback is let in and well formed, the
 * carrier always gets its own success status: a subscriber sees the generic error of his network
 * otherwise.
 */
#ifndef COKO_USSD_CALLBACK_H
#define COKO_USSD_CALLBACK_H

#include "gateway/io/http_server.h"

/* Handler of the mount; arg is the struct ussd. */
void callback_handle(struct http_exchange *x, void *arg);

/* Of counters: when the room closes. */
void callback_forget(void);

#endif
