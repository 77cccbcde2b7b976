/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ESME room: other systems bind to us and submit (the server side of SMPP). One [esme NAME]
 * section is an account; its messages are rows of the outbox, its receipts rows until it takes them.
 *
 *   submit_sm, submit_multi, data_sm --request--> messaging.submit --commit--> the response with our id
 *   query, cancel, replace -------> messaging.esme_* ----------> the answer, of its own messages only
 *   messaging.esme_receipt --take--> deliver_sm --deliver_sm_resp--> the row goes
 *   a reader's text to its number --messaging.esme_text--> the same
 *
 * One worker of a machine listens: the holder of the lease "esme:INSTANCE". Another takes over when it
 * dies. The binds and the rate of an account are counted over the listeners of all machines (node.c).
 *
 * Nothing is answered with an id before its commit, and nothing twice: a batch whose answer was lost
 * is asked again under the same names. While the database is behind, submits get 0x14 and links live.
 * It never logs a text, a number or a password.
 *
 * Order of calls: esme_new; (esme_drain, wait for esme_idle); esme_free.
 */
#ifndef COKO_ESME_ESME_H
#define COKO_ESME_ESME_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/io/loop.h"
#include "gateway/io/pg.h"
#include "gateway/lib/option.h"
#include "gateway/lib/seal.h"

#define ESME_ACCOUNTS_MAX 256
#define ESME_NAME_MAX     40
/* Somebody ended messages of ESMEs: receipts may be due. Marked by the SMS room. */
#define ESME_TOPIC "coko_esme"

/* [smpp_server]. Strings belong to the configuration. */
struct esme_server_config {
    const char *listen; /* "": nobody binds to us */
    const char *system_id;
    const char *tls_cert, *tls_key, *client_ca;
    int64_t max_connections, max_strangers, max_strangers_address, max_failures, unanswered_max;
    int64_t bind_ms, enquire_ms, enquire_timeout_ms, response_ms, lease_ms;
};

/* One [esme NAME] section. */
struct esme_config {
    const char *name; /* set by the loader */
    const char *system_id, *password;
    struct option_list binds;     /* transmitter receiver transceiver */
    struct option_list addresses; /* networks it may come from; none: any */
    struct option_list senders;   /* source addresses it may use; none: any */
    struct option_list numbers;   /* its own: readers' texts to them are its */
    struct option_list prefixes;  /* first digits it may send to; none: any */
    struct option_list networks;  /* "CI", "CI/mtn": none: any */
    int64_t max_binds, window, rate, burst, queue, outbox;
    int64_t validity_ms;
    const char *country;
    int alphabet; /* enum alphabet of its data_coding 0 */
    bool receipts;
};

extern const struct option_row esme_server_options[], esme_options[];
extern const size_t esme_server_options_count, esme_options_count;

/* Tells fault of each key whose value the rows alone cannot judge. */
typedef void esme_fault_fn(void *arg, const char *key, const char *what);
void esme_server_check(const struct esme_server_config *c, esme_fault_fn *fault, void *arg);
void esme_check(const struct esme_config *c, esme_fault_fn *fault, void *arg);
/* Is the address, as a section writes it, one of its numbers? */
bool esme_claims(const struct esme_config *c, const char *address);
/* Has one a number of the other's? */
bool esme_shares_number(const struct esme_config *a, const struct esme_config *b);

struct binds;

/* Borrowed; they outlive the room. */
struct esme_deps {
    struct loop *loop;
    struct pg *pg; /* with PG_BATCH, PG_WRITE, PG_SLOW and PG_WAKE lanes */
    const struct seal_ring *ring;
    struct binds *binds; /* the carriers'; NULL: nobody's texts come */
    /* A listening, non-blocking socket on "ip:port" that other processes may share; -1 and err. */
    int (*listen)(const char *address, bool shared, struct err *e);
};

struct esme_room_config {
    const struct esme_server_config *server; /* outlives the room */
    const struct esme_config *esmes;         /* copied */
    size_t nesmes;
    const char *owner;    /* "instance:slot" */
    const char *instance; /* of the lease */
};

struct esme;

/* NULL and err: the certificate cannot be read. Without server->listen it does nothing for ever. */
struct esme *esme_new(const struct esme_room_config *c, const struct esme_deps *d, struct err *e);

/*
 * A reload: accounts come, change and go (those that went are unbound); rate, window and permissions
 * hold for what comes next, a password for the next bind; certificates are read again. What else
 * [smpp_server] says differently wants a restart, and is logged.
 */
void esme_reload(struct esme *s, const struct esme_server_config *server,
                 const struct esme_config *fresh, size_t n);

/* Listens no more and unbinds all; what was submitted is answered first. */
void esme_drain(struct esme *s);
bool esme_idle(const struct esme *s);

/* Ends at once: receipts in flight are due again with the next owner. NULL is allowed. */
void esme_free(struct esme *s);

#endif
