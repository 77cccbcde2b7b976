/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The USSD room: carriers by profile, and the turn that answers each of their callbacks, be they an
 * HTTP request or a deliver_sm.
 *
 * Order of calls: ussd_new; ussd_reload any time; ussd_drain; (wait for ussd_idle); ussd_free.
 * It writes rows only through the menu's actions, and never speaks to SMS or money.
 */
#ifndef COKO_USSD_USSD_H
#define COKO_USSD_USSD_H

#include <stdbool.h>

#include "gateway/binds/binds.h"
#include "gateway/io/http_client.h"
#include "gateway/io/http_server.h"
#include "gateway/io/pg.h"
#include "gateway/io/redis.h"
#include "gateway/lib/option.h"
#include "gateway/lib/seal.h"

#define USSD_CARRIERS_MAX 64
#define USSD_TURNS_MAX    4096 /* in flight in a worker; beyond it a polite END at once */

/* One [carrier NAME] section: NAME is a profile. */
struct ussd_carrier_config {
    const char *profile;
    const char *secret;     /* last path segment of the callback address; empty: none */
    const char *link;       /* account of the bind, for a carrier over SMPP; else empty */
    const char *short_code; /* "*384*26#" */
    const char *country;    /* of numbers in national form; empty: the profile's */
    const char *url;        /* the callback address as the carrier sees it; empty: our path */
    const char *networks;   /* it calls from these only; empty: from anywhere */
    const char *user;       /* what each callback brings: an app id, shared credentials */
    const char *password;
    const char *client_subject; /* of the certificate it shows the proxy before us */
    const char *client_header;  /* where the proxy writes it */
    const char *send_url;       /* of an asynchronous carrier: where our replies are posted */
    const char *send_user;      /* our credentials there */
    const char *send_password;
    const char *token_url; /* where a push's bearer token is had, and as whom; empty: none */
    const char *client_id;
    const char *client_secret;
    int64_t rate;      /* callbacks a second in a worker; 0: no limit */
    int64_t ring_most; /* readers that a worker rings at once; 0: none */
};

extern const struct option_row ussd_carrier_options[];
extern const size_t ussd_carrier_options_count;

/* What was typed, by whom, in which step. */
struct ussd_code {
    struct str user, step, code;
};

struct ussd_config {
    const char *menu_dir;     /* the service's menus */
    const char *profiles_dir; /* carriers' wire formats */
    const char *own_profiles; /* a folder of more, looked at first; empty: none */
    const struct ussd_carrier_config *carriers;
    size_t ncarriers;
    const char *owner; /* "instance:slot" */
};

/*
 * Where a code goes that a reader typed for a payment rail (S5): in memory, within this process, never
 * through a row. The op completes once the rows say what became of it; op_cancel gives up the waiting,
 * not the code. The strings are copied. take NULL: nowhere, and the code is lost; the rows say that too.
 */
struct ussd_code_port {
    void (*take)(void *arg, struct op *op, const struct ussd_code *c);
    void *arg;
};

/* Borrowed; they outlive the room. */
struct ussd_deps {
    struct loop *loop;
    struct pg *pg;
    struct redis *redis;
    const struct seal_ring *ring;
    struct http_server *http;
    struct binds *binds;        /* of carriers over SMPP; not started yet */
    struct http_client *client; /* of asynchronous carriers */
    struct ussd_code_port code;
};

struct ussd;

/*
 * Loads menus and profiles and mounts /ussd. NULL and err when anything is wrong; every fault of a
 * menu or profile file is logged with file:line.
 */
struct ussd *ussd_new(const struct ussd_config *c, const struct ussd_deps *d, struct err *e);

/*
 * Reads the menus again: new dialogues get them, the others go on with the version they began with
 * (hard case 37). A menu with a fault is logged and not taken.
 */
void ussd_reload(struct ussd *u);

/* Rings no more readers. */
void ussd_drain(struct ussd *u);

/* True when no turn is in flight and no reply waits to be written. */
bool ussd_idle(const struct ussd *u);

/* No turn may be in flight whose exchange still lives. NULL is allowed. */
void ussd_free(struct ussd *u);

#endif
