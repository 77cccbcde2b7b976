/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SMS of one number at the lab's SMSC, by its control API: GET /messages?to=&count=&wait_ms=
 * returns when count whole texts are there or the time is over. One request at a time.
 *
 * Order: phone_inbox_open, phone_inbox_ask, on_change is called for every answer (also one without
 * news, also a failure), ask again; phone_inbox_close.
 */
#ifndef COKO_PHONE_INBOX_H
#define COKO_PHONE_INBOX_H

#include <jansson.h>

#include "gateway/io/http_client.h"

struct phone_inbox {
    struct http_client *client;
    struct op op;
    const char *url;    /* borrowed */
    const char *number; /* borrowed */
    json_t *texts;      /* array of the SMSC's message objects, oldest first; NULL before any */
    size_t shown;       /* how many of them the caller has shown; the caller's own */
    bool failed;        /* the last request */
    void (*on_change)(struct phone_inbox *in);
    void *owner;
};

/* A text as the handset shows it. */
struct phone_sms {
    struct str from;
    struct str text;
    int64_t parts;
};

void phone_inbox_open(struct phone_inbox *in, struct loop *l, struct http_client *client,
                      const char *url, const char *number,
                      void (*on_change)(struct phone_inbox *in), void *owner);
void phone_inbox_close(struct phone_inbox *in);

/* Asks for at least count texts, waiting at most wait_ms for them. A running question is dropped. */
void phone_inbox_ask(struct phone_inbox *in, size_t count, unsigned wait_ms);

/* How many texts the last answer held. */
size_t phone_inbox_count(const struct phone_inbox *in);

/* The i-th, valid until the next answer. */
struct phone_sms phone_inbox_get(const struct phone_inbox *in, size_t i);

#endif
