/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells people when a rail stops answering, is tried again, and answers. Which it is, and who is sent
 * meanwhile, is the database's to decide, for all workers and machines (billing.rail_heard): it gives
 * each change to one of us. Asked for every few seconds, so of two changes in that time the last is told.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"
#include "gateway/money/money_parts.h"

static struct counter changes = COUNTER(
    "coko_rail_gate_changes_total", "Rails that were closed to charges, tried and opened again");

PG_STMT(news_stmt, "rail.news", PG_BATCH, 0,
        "select rail, state, opened, held from billing.rail_news()");

static void tell(const char *rail, const char *state, long long opened, long long held)
{
    bool down = strcmp(state, "open") == 0; /* as of an electrician's breaker */
    char labels[96];

    snprintf(labels, sizeof labels, "rail=\"%s\",state=\"%s\"", rail, state);
    counter_inc(counter_with(&changes, labels));
    if (down)
        log_error(NULL, "rail does not answer, charges wait", "rail=%s times=%lld waiting=%lld",
                  rail, opened, held);
    else
        log_info(NULL, strcmp(state, "half") == 0 ? "rail is tried" : "rail answers again",
                 "rail=%s waiting=%lld", rail, held);
}

static void on_news(struct op *op)
{
    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "rails' gates not read", &op->err);
    for (int i = 0; !op_failed(op) && i < pg_rows(op); i++)
        tell(pg_text(op, i, 0), pg_text(op, i, 1), pg_i64(op, i, 2), pg_i64(op, i, 3));
    op_release(op);
}

void money_gate_init(struct money *m)
{
    op_init(&m->news, m->d.loop, on_news);
}

void money_gate_ask(struct money *m)
{
    if (!op_pending(&m->news))
        pg_exec(m->d.pg, &m->news, &news_stmt, NULL);
}
