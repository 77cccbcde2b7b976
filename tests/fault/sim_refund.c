/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refunds on their way: claimed with the charges, sent and asked about over the same bad network.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/sim.h"

#define TIMEOUT_US (10 * SIM_SECOND)

static const char claim_sql[] =
    "select f.refund_id, f.our_ref, c.our_ref, f.amount_minor, f.version, f.action,"
    " f.currency"
    " from billing.claim_refunds($1, 8) f join billing.charge c on c.id = f.charge_id";
static const char event_sql[] =
    "select outcome, state from billing.refund_event($1::bigint, $2::int, $3, 200, '', null, $4,"
    " $5::bigint, $6, 0)";

struct errand {
    int daemon;
    unsigned life;
    char id[24], ref[40], charge_ref[40], amount[24], version[16], currency[4];
    bool submit;
    struct sim_refund_answer answer;
};

static void on_answer(void *arg)
{
    struct errand *e = arg;
    char amount[24];
    bool crash, after;

    if (sim.over || sim_daemon_life(e->daemon) != e->life) {
        free(e);
        return;
    }
    crash = sim_fault(FAULT_CRASH);
    after = sim_chance(500);
    snprintf(amount, sizeof amount, "%lld", (long long)e->answer.amount_minor);
    if (!crash || after)
        PQclear(sim_db_run(sim_pg_db(e->daemon), "refund.event", event_sql, 6, e->id, e->version,
                           e->answer.event, *e->answer.txn ? e->answer.txn : NULL,
                           e->answer.amount_minor ? amount : NULL, e->currency));
    if (crash)
        sim_daemon_crash(e->daemon);
    free(e);
}

static void on_arrival(void *arg)
{
    struct errand *e = arg;

    if (sim.over) {
        free(e);
        return;
    }
    sim_rail_refund(e->ref, e->charge_ref, strtoll(e->amount, NULL, 10), e->currency, e->submit,
                    &e->answer);
    if (sim_fault(FAULT_TWICE))
        sim_rail_refund(e->ref, e->charge_ref, strtoll(e->amount, NULL, 10), e->currency, e->submit,
                        &e->answer);
    if (sim_fault(FAULT_REPLY_LOST) || sim_fault(FAULT_ERROR)) {
        e->answer = (struct sim_refund_answer){.event = "unknown"};
        sim_at(sim.now + TIMEOUT_US, e->daemon, on_answer, e);
        return;
    }
    sim_at(sim.now + sim_span(2000, 80000), e->daemon, on_answer, e);
}

static void send_out(struct errand *e)
{
    if (sim_fault(FAULT_NOT_SENT)) {
        e->answer.event = "not_sent";
        sim_at(sim.now + SIM_SECOND, e->daemon, on_answer, e);
    } else if (sim_fault(FAULT_LOST)) {
        e->answer.event = "unknown";
        sim_at(sim.now + TIMEOUT_US, e->daemon, on_answer, e);
    } else {
        sim_at(sim.now + sim_span(2000, 80000), SIM_WORLD, on_arrival, e);
    }
}

void sim_refunds_claim(int daemon)
{
    char owner[16];
    PGresult *res;

    if (sim_next_refund_due() > sim.now)
        return;
    snprintf(owner, sizeof owner, "sim:%d", daemon);
    res = sim_db_run(sim_pg_db(daemon), "refund.claim", claim_sql, 1, owner);
    for (int i = 0; res && i < PQntuples(res); i++) {
        struct errand *e = calloc(1, sizeof *e);

        if (!e)
            abort();
        e->daemon = daemon;
        e->life = sim_daemon_life(daemon);
        snprintf(e->id, sizeof e->id, "%s", PQgetvalue(res, i, 0));
        snprintf(e->ref, sizeof e->ref, "%s", PQgetvalue(res, i, 1));
        snprintf(e->charge_ref, sizeof e->charge_ref, "%s", PQgetvalue(res, i, 2));
        snprintf(e->amount, sizeof e->amount, "%s", PQgetvalue(res, i, 3));
        snprintf(e->version, sizeof e->version, "%s", PQgetvalue(res, i, 4));
        snprintf(e->currency, sizeof e->currency, "%s", PQgetvalue(res, i, 6));
        e->submit = strcmp(PQgetvalue(res, i, 5), "submit") == 0;
        send_out(e);
    }
    PQclear(res);
}
