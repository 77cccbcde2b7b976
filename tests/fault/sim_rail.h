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

/* The payer sees the prompt. */
void sim_payer_asked(struct account *a);

/* Between two seeds. */
void sim_payers_clear(void);

/* The callbacks that were thanked for: [{"sha256": ..., "acks": n}]. The caller owns the array. */
json_t *sim_payers_heard(void);

#endif
