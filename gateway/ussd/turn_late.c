/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An action that takes longer than its carrier waits (hard case 26). See turn.h for the picture.
 *
 * The promise comes first: "running" stands in Redis, under a key made from the step that sent the
 * action, before the reader's screen for meanwhile is stored, so that his next hop finds it on
 * whatever worker. Of two workers with one step the first to promise keeps. A worker that dies
 * leaves "running" until the action must be over; from then on the next hop finds nothing, and sends
 * the action again where the menu says that it may: a write meets its own effect under the first
 * step's key (S2).
 *
 * What ends with an answer of the database is kept, and so is its refusal; after an end that nobody
 * knows (a timeout, a lost connection) the promise is taken back.
 */
#include <stdio.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"
#include "gateway/ussd/kept.h"
#include "gateway/ussd/turn_parts.h"

#define LATE_MAX   64 /* a worker; each holds its turn, and a request of the database's */
#define PROMISE_MS (TURN_LATE_MS + 5000)

static struct counter guarded =
    COUNTER("coko_ussd_guarded_total", "Hops answered with the screen for meanwhile");
static struct counter ends =
    COUNTER("coko_ussd_late_total", "Actions that outlived their hop, by what was kept of them");
static struct counter found =
    COUNTER("coko_ussd_fetched_total", "Looks for an earlier hop's action, by what was found");
static struct counter waiting = GAUGE("coko_ussd_late", "Actions that go on behind their reply");

void turn_late_key(struct turn *t)
{
    store_late_key(t->u->d.redis, t->u->d.ring, t->step, &t->late);
}

/* Not before a reader's first screen; not in the queue of a database that is gone. */
bool turn_may_wait(const struct turn *t)
{
    return t->u->late < LATE_MAX && (t->hop.kind != HOP_BEGIN || t->again) &&
           pg_lane_up(t->u->d.pg, t->gen->stmts[t->action->no]->lane);
}

/* ---- the promise ----------------------------------------------------------------------------- */

void turn_promise(struct turn *t)
{
    const struct kept running = {.what = KEPT_RUNNING};
    struct err e = {0};
    char mem[8];
    struct buf b;

    buf_init_fixed(&b, mem, sizeof mem);
    (void)!kept_encode(t->u->d.ring, str_c(t->late.text), &running, &b, &e); /* two bytes */
    store_promise(t->u->d.redis, &t->op, &t->late, buf_str(&b), PROMISE_MS);
}

static void meanwhile(struct turn *t)
{
    t->guarded = true;
    counter_inc(&guarded);
    menu_guard(t->gen->menu, t->menu, &t->mt, &t->u->bench.out);
}

void turn_promised(struct turn *t)
{
    t->keeps = store_promised(&t->op);
    if (t->keeps)
        counter_set(&waiting, ++t->u->late);
    meanwhile(t);
}

void turn_late_over(struct turn *t)
{
    if (t->keeps)
        counter_set(&waiting, --t->u->late);
}

/* ---- the next hop ---------------------------------------------------------------------------- */

bool turn_fetched(struct turn *t, struct str bytes)
{
    static const char *const labels[] = {[KEPT_NOTHING] = "found=\"nothing\"",
                                         [KEPT_RUNNING] = "found=\"running\"",
                                         [KEPT_ROWS] = "found=\"rows\"",
                                         [KEPT_FAILED] = "found=\"failed\""};
    struct menu_out *out = &t->u->bench.out;
    const struct menu *m = t->gen->menu;
    struct kept k;

    kept_decode(t->u->d.ring, str_c(t->late.text), bytes, &t->arena, &k);
    counter_inc(counter_with(&found, labels[k.what]));
    switch (k.what) {
    case KEPT_ROWS: menu_resume(m, t->menu, &t->mt, &k.rows, out); break;
    case KEPT_FAILED: menu_fail(m, t->menu, &t->mt, k.why, out); break;
    case KEPT_RUNNING: meanwhile(t); break;
    case KEPT_NOTHING:
        if (t->may_send)
            return false;
        menu_fail(m, t->menu, &t->mt, MENU_FAIL_BUSY, out);
        break;
    }
    return true;
}

/* ---- its end --------------------------------------------------------------------------------- */

static struct kept end_of(struct turn *t)
{
    if (!op_failed(&t->act)) {
        turn_wake(t);
        return (struct kept){.what = KEPT_ROWS, .rows = turn_rows(t, pg_result(&t->act))};
    }
    log_err(LOG_LEVEL_WARN, NULL, t->action->name, &t->act.err);
    if (turn_failure(&t->act) == MENU_FAIL_BUG)
        return (struct kept){.what = KEPT_FAILED, .why = MENU_FAIL_BUG};
    return (struct kept){.what = KEPT_NOTHING};
}

static void count_end(const char *result)
{
    char labels[32];

    snprintf(labels, sizeof labels, "result=\"%s\"", result);
    counter_inc(counter_with(&ends, labels));
}

bool turn_keep(struct turn *t)
{
    struct kept k = end_of(t);
    struct err e = {0};
    struct buf b;

    buf_init(&b, KEPT_MAX);
    if (k.what != KEPT_NOTHING && kept_encode(t->u->d.ring, str_c(t->late.text), &k, &b, &e) != 0) {
        log_err(LOG_LEVEL_ERROR, NULL, t->action->name, &e);
        buf_fini(&b);
        count_end("lost");
        return false;
    }
    store_keep(t->u->d.redis, &t->op, &t->late, buf_str(&b), STORE_LIVE_MS);
    buf_fini(&b);
    count_end(k.what == KEPT_ROWS ? "kept" : k.what == KEPT_FAILED ? "refused" : "unknown");
    return true;
}

void turn_kept(struct turn *t)
{
    if (op_failed(&t->op))
        count_end("lost");
}

void turn_late_forget(void)
{
    counter_forget(&ends);
    counter_forget(&found);
}
