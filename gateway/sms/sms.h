/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SMS room: sends what the outbox holds, hears receipts and readers.
 *
 *   messaging.message --claim--> segments --bind--> carrier --responses--> messaging.record
 *                                                          --receipts---> messaging.receipts
 *                                                          --texts------> messaging.inbound
 *
 * It works for each account whose bind this process owns. Taking an account over it first settles
 * what an earlier owner left (messaging.recover), then claims at most half a second of the link's rate
 * at a time. Written once is never written again unless the carrier said it has it not (M4); a message
 * whose reader said STOP gets no further part (M3); receipts and texts are acknowledged to the carrier
 * after their commit only, so a database that is down loses none.
 *
 * Order of calls: binds_new; sms_new; binds_start; (sms_drain and binds_drain, wait for both to be
 * idle); sms_free; binds_free. It never logs a text or a number.
 */
#ifndef COKO_SMS_SMS_H
#define COKO_SMS_SMS_H

#include <stdbool.h>

#include "gateway/binds/binds.h"
#include "gateway/io/pg.h"
#include "gateway/lib/seal.h"

struct sms_config {
    const char *owner; /* "instance:slot": the owner of claimed rows */
    bool esmes;        /* others submit to us: they are told when messages end */
};

/* Borrowed; they outlive the room. */
struct sms_deps {
    struct loop *loop;
    struct pg *pg; /* with PG_BATCH, PG_WRITE and PG_WAKE lanes */
    const struct seal_ring *ring;
    struct binds *binds;
};

struct sms;

/* Registers with the binds; sending starts with their leases. */
struct sms *sms_new(const struct sms_config *c, const struct sms_deps *d, struct err *e);

/* Claims nothing more; hands back what was not begun, ends what was. */
void sms_drain(struct sms *s);

/* Nothing is being written, answered or recorded. */
bool sms_idle(const struct sms *s);

/* Forgets what is in flight: those rows become unknown with the next owner. NULL is allowed. */
void sms_free(struct sms *s);

#endif
