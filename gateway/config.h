/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole configuration of a process: coko.ini and the environment into one constant struct.
 *
 * Each room declares its own options beside its own code (struct x_config and its rows); this file
 * only puts them together. Order: config_load; use; config_free. A reload loads a second struct and
 * the caller swaps pointers. Faults of the file, of every row and of every room are listed at once.
 */
#ifndef COKO_CONFIG_H
#define COKO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "gateway/binds/binds.h"
#include "gateway/esme/esme.h"
#include "gateway/lib/fault.h"
#include "gateway/lib/option.h"
#include "gateway/money/rail.h"
#include "gateway/ussd/ussd.h"

enum config_role {
    ROLE_API = 1u << 0,       /* REST, console */
    ROLE_GATEWAY = 1u << 1,   /* USSD callbacks, binds, outbox sender, rail webhooks */
    ROLE_WORKER = 1u << 2,    /* jobs, charges, imports */
    ROLE_SCHEDULER = 1u << 3, /* periodic work, one leader */
    ROLE_ALL = 0xF,
};

struct config_core {
    const char *environment; /* "production", "demo", ...: in logs only */
    const char *region;
    const char *instance;     /* host name by default; with the slot the owner of leases */
    const char *data_dir;     /* holds menus/, api/, deploy/schema/ */
    const char *profiles_dir; /* carriers' profiles of this deployment */
    struct option_list role_words;
    int log_level; /* enum log_level */
    int64_t workers;
    int64_t job_concurrency;
    int64_t accept_wait_ms; /* of carriers' 5 s: what waited so long has time for its END */
    int64_t drain_wait_ms;
    int64_t drain_limit_ms;
    bool sandbox;
    const char *sandbox_sms_url; /* control API of the lab's SMSC, for /phone/ */
    const char *keys;            /* seal ring text */
};

struct config_http {
    const char *listen;
    const char *metrics_listen;
    const char *trusted_proxies;
    int64_t max_body;
    const char *tls_cert;
    const char *tls_key;
};

struct config_store {
    const char *database_url;
    const char *redis_url;
    const char *redis_prefix;
    const char *redis_ca;
};

struct config {
    struct arena arena;
    struct ini ini;
    unsigned roles; /* enum config_role bits */
    struct config_core core;
    struct config_http http;
    struct config_store store;
    void *rails[RAIL_MODULES_MAX]; /* of rail_modules, in their order */
    struct api_config api;
    struct ussd_carrier_config *carriers; /* the [carrier NAME] sections */
    size_t ncarriers;
    struct bind_config *links; /* the [link NAME] sections */
    size_t nlinks;
    struct esme_server_config smpp_server;
    struct esme_config *esmes; /* the [esme NAME] sections */
    size_t nesmes;
};

/*
 * Loads path ("" for no file: defaults and environment). NULL when any fault was added; the faults
 * stand in *faults, one "file:line: message" a line.
 */
struct config *config_load(const char *path, struct fault_list *faults);

/* The text of path, "" for none: see file_read. The ceiling of out is INI_TEXT_MAX. */
MUST_CHECK int config_read(const char *path, struct buf *out, struct err *e);

/* The same of a text that was read from path. */
struct config *config_load_text(const char *path, struct str text, struct fault_list *faults);

void config_free(struct config *c);

/* Effective values as INI text with help, secrets masked: `coko check --print`. */
void config_print(const struct config *c, struct buf *out);

/* Every option with its default and help, repeated sections once as "NAME": `coko check --options`. */
void config_options(struct buf *out);

#endif
