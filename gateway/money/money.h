/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The money room: takes due charges from the database, speaks to the rails, records what they said;
 * and stores the rails' callbacks.
 *
 * It starts no charge and decides no state: rows say what is due, billing.charge_event what an
 * answer means. A callback is stored sealed and raw and only pulls the next question forward (I6,
 * I7). Killing this process at any point costs time, never money.
 *
 * Order of calls: money_new; money_start (charges) and/or money_mount (callbacks); money_drain,
 * wait for money_idle; money_free.
 */
#ifndef COKO_MONEY_MONEY_H
#define COKO_MONEY_MONEY_H

#include "gateway/io/http_client.h"
#include "gateway/io/http_server.h"
#include "gateway/io/pg.h"
#include "gateway/lib/seal.h"
#include "gateway/money/rail.h"

#define MONEY_CHARGE_TOPIC  "coko_charge"
#define MONEY_MESSAGE_TOPIC "coko_message"

struct money_config {
    const char *owner;        /* "instance:slot" */
    const void *const *rails; /* of rail_modules, in their order; borrowed: they outlive the room */
};

struct money_deps {
    struct loop *loop;
    struct pg *pg;
    struct http_client *client;
    const struct seal_ring *ring;
};

struct money;

/* NULL and err when a rail is half configured, with what is missing. */
struct money *money_new(const struct money_config *c, const struct money_deps *d, struct err *e);

/* Mounts /pay/<rail>/<secret>. */
MUST_CHECK int money_mount(struct money *m, struct http_server *http, struct err *e);

/* Starts working on charges. */
void money_start(struct money *m);

/* What a payer typed: her user id, the step it was typed in, digits. */
#define MONEY_CODE_MAX 16
struct money_code {
    struct str user, step, code;
};

/*
 * Sends a typed code to the rail of the one charge of this user that waits for it, whether or not the
 * room works on charges: where it is typed is where it must leave (S5). Everything is copied. waiter
 * completes when the rows say what became of it, or when it is lost (no room: m is NULL; too many at
 * once); op_cancel gives up waiting and nothing else.
 */
void money_code(struct money *m, struct op *waiter, const struct money_code *typed);

/* Claims no more; work in flight is finished. */
void money_drain(struct money *m);
bool money_idle(const struct money *m);

/*
 * What is in flight is cut loose: its lease runs out, and it is asked about (M4). After a whole turn
 * of the loop, so that no work waits to be reaped; before the server and the client go. NULL is
 * allowed.
 */
void money_free(struct money *m);

#endif
