/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's own address of a carrier whose screens are posted: what comes in is handed over and
 * answered with an empty 200. One listening socket, plain HTTP.
 */
#ifndef COKO_PHONE_EAR_H
#define COKO_PHONE_EAR_H

#include "gateway/io/http_server.h"

struct phone_ear {
    struct http_server *server; /* NULL: closed */
    int fd;
    void (*heard)(void *arg, struct str body); /* the body lives until it returns */
    void *arg;
};

/* Listens on "HOST:PORT"; "" opens nothing, which is no failure. */
MUST_CHECK int phone_ear_open(struct phone_ear *ear, struct loop *l, const char *address,
                              void (*heard)(void *arg, struct str body), void *arg, struct err *e);

/* Idempotent; an ear of zeroes is closed. */
void phone_ear_close(struct phone_ear *ear);

#endif
