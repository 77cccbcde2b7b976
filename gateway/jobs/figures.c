/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See figures.h. What a figure is called is the database's word; which gauge that is stands here.
 */
#include "gateway/jobs/figures.h"

#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"

#define FIGURES_MS 60000

PG_STMT(money_stmt, "money.figures", PG_BATCH, 0,
        "select figure, labels, value from billing.money_figures()");

static struct counter charges =
    GAUGE("coko_charges_trouble", "Charges without a known end, or that wait for a person");
static struct counter mismatches =
    GAUGE("coko_statement_mismatches", "Differences with statements that nobody explained");
static struct counter suspense =
    GAUGE("coko_suspense_minor_units", "Money received that is nobody's yet");
static struct counter days =
    GAUGE("coko_money_close_backlog", "Days with money that nobody closed");

static const struct {
    const char *figure;
    struct counter *gauge;
} gauges[] = {
    {"charges", &charges}, {"mismatches", &mismatches}, {"suspense", &suspense}, {"days", &days}};

static void tell(struct figures *f, const char *figure, const char *labels, int64_t value)
{
    for (size_t i = 0; i < ARRAY_LEN(gauges) && f->n < FIGURES_MAX; i++) {
        if (strcmp(figure, gauges[i].figure) != 0)
            continue;
        struct counter *c = *labels ? counter_with(gauges[i].gauge, labels) : gauges[i].gauge;

        counter_set(c, value);
        f->told[f->n++] = c;
    }
}

static void on_op(struct op *op)
{
    struct figures *f = container_of(op, struct figures, op);

    if (op_failed(op)) {
        log_err(LOG_LEVEL_WARN, NULL, "figures of money not read", &op->err);
    } else if (f->mine) {
        f->n = 0;
        for (int i = 0; i < pg_rows(op); i++)
            tell(f, pg_text(op, i, 0), pg_text(op, i, 1), pg_i64(op, i, 2));
    }
    op_release(op);
}

void figures_init(struct figures *f, struct loop *loop, struct pg *pg)
{
    f->pg = pg;
    op_init(&f->op, loop, on_op);
}

void figures_tick(struct figures *f)
{
    int64_t now = loop_now_ms(f->op.loop);

    f->mine = true;
    if (op_pending(&f->op) || now < f->due_ms)
        return;
    f->due_ms = now + FIGURES_MS;
    pg_exec(f->pg, &f->op, &money_stmt, NULL);
}

void figures_clear(struct figures *f)
{
    for (size_t i = 0; i < f->n; i++)
        counter_set(f->told[i], 0);
    f->n = 0;
    f->mine = false;
    f->due_ms = 0;
}

void figures_fini(struct figures *f)
{
    op_cancel(&f->op);
    op_release(&f->op);
    f->n = 0;
    for (size_t i = 0; i < ARRAY_LEN(gauges); i++)
        counter_forget(gauges[i].gauge);
}
