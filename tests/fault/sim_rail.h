/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the rail (sim_rail.c) and those who pay through it (sim_payer.c).
 */
#ifndef COKO_TESTS_SIM_RAIL_H
#define COKO_TESTS_SIM_RAIL_H

#include "tests/fault/sim.h"

enum status { PENDING, SUCCESSFUL, FAILED };

struct account {
    char ref[40], payer[20], currency[4], external[40], callback[200], txn[24];
    int64_t amount;
    enum status status;
    const char *reason;
    int64_t debited;
    unsigned debits;
    bool told;
};

/* The account as the rail tells of it. The caller owns the object. */
json_t *sim_rail_view(const struct account *a);

/* Its text into out; drops the object. */
void sim_rail_write(json_t *o, char *out, size_t cap);

/* NULL: a reference that the rail never saw. */
struct account *sim_rail_find(const char *ref);

/* An answer with a code. */
void sim_rail_refuse(struct sim_reply *rs, int status, const char *code);

/* A call under SIM_REFUND_PATH. */
void sim_refund_call(const struct sim_request *rq, struct sim_reply *rs);

/* What was given back of a debit; asked: and what may be. */
int64_t sim_refunded(const struct account *a, bool asked);

/* [{"ref": ..., "amount": n, "done": true}]. The caller owns the array. */
json_t *sim_refund_books(void);

/* Between two seeds. */
void sim_refunds_clear(void);

/* The payer sees the prompt. */
void sim_payer_asked(struct account *a);

/* Between two seeds. */
void sim_payers_clear(void);

/* The callbacks that were thanked for: [{"sha256": ..., "acks": n}]. The caller owns the array. */
json_t *sim_payers_heard(void);

#endif
