/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker is made of: shared between app.c (its life) and rooms.c (which rooms it lets in).
 */
#ifndef COKO_APP_PARTS_H
#define COKO_APP_PARTS_H

#include "api/api.h"
#include "gateway/app.h"
#include "gateway/health.h"
#include "gateway/io/http_client.h"
#include "gateway/io/http_server.h"
#include "gateway/io/loop.h"
#include "gateway/io/pg.h"
#include "gateway/io/redis.h"
#include "gateway/io/tls.h"
#include "gateway/jobs/jobs.h"
#include "gateway/lib/seal.h"
#include "gateway/money/money.h"
#include "gateway/phone/page.h"
#include "gateway/esme/esme.h"
#include "gateway/sms/sms.h"
#include "gateway/ussd/ussd.h"

struct app {
    const struct app_env *env;
    struct config *cfg;
    char owner[80]; /* "instance:slot", the owner of leases */
    struct loop *loop;
    struct pg *pg;
    struct redis *redis;
    struct tls *tls;
    struct http_server *http;
    struct http_client *client;
    struct seal_ring *ring;
    struct health health;
    bool accepting;   /* our own listener is open */
    uint64_t adopted; /* bit i: with ours we accept from slot i's listener too */
    struct ussd *ussd;
    struct binds *binds;
    struct sms *sms;
    struct esme *esme;
    struct money *money;
    struct jobs *jobs;
    struct api *api;
    struct phone_page *phone;
    struct event *control;
    struct loop_timer accept_timer, drain_timer;
    int64_t accept_by_ms, drain_until_ms;
    int exit_code;
};

/* A room as the worker sees it. Every function but open may be NULL. */
struct room {
    const char *name;
    unsigned roles; /* opened when the process has one of them */
    int (*open)(struct app *a, struct err *e);
    void (*reload)(struct app *a, const struct config *fresh); /* fresh goes afterwards */
    void (*drain)(struct app *a);                              /* take no new work */
    bool (*idle)(const struct app *a);
    void (*close)(struct app *a);
};

/* In opening order, ended by a row without a name. Closed in reverse order. */
extern const struct room rooms[];

#endif
