/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ESMEs of all machines together: what an account has here is told to messaging.esme_meet, which
 * tells what it has elsewhere. One statement at a time carries everything; all that is told carries the
 * epoch of the listener's lease, so that what a dead one told counts for nothing.
 *
 *   a bind      waits for it: granted while fewer than max_binds are bound on all machines
 *   a submit    takes its tokens here at once; what others took since the last time is taken from
 *               our bucket as well, at most a burst into debt, so that all together keep to one rate.
 *               They may be over it by what came since then, IDLE_MS at most
 *
 * While the database is away each machine counts its own; its submits are answered 0x14 then.
 */
#include <stdlib.h>

#include "gateway/esme/esme_parts.h"
#include "gateway/lib/log.h"

#define MEET_MS     250  /* while tokens are taken */
#define IDLE_MS     1000 /* while anybody is bound */
#define DEADLINE_MS 1500 /* a bind waits so long */
#define ROWS_ROOM   (256u * 1024u)

PG_STMT(meet_stmt, "esme.meet", PG_WRITE, 3,
        "select esme, granted, used from messaging.esme_meet($1, $2, $3::jsonb)");

/* A bind that was judged and waits to be counted. */
struct joining {
    struct list node;
    struct esme_account *a;
    uint64_t peer;
    bool receives;
    bool asked; /* the statement that is running counts it */
};

static void joined(struct esme *s, struct joining *j, bool granted)
{
    j->a->joining--;
    list_remove(&j->node);
    if (granted)
        esme_accept(s, j->peer, j->a, j->receives);
    else
        esme_refuse(s, j->peer, SMPP_RALYBND);
    free(j);
}

/* The first so many of those that were asked for may bind. */
static void grant(struct esme *s, struct esme_account *a, int64_t granted)
{
    list_for_each_safe(node, &s->joinings)
    {
        struct joining *j = container_of(node, struct joining, node);

        if (j->a == a && j->asked)
            joined(s, j, granted-- > 0);
    }
}

/*
 * What others took since the last time is not there for us, a burst of debt at most: a machine that
 * counts again after its lease was over brings all that it ever took. Of a longer time only what a full
 * bucket has: the rest of it they had a right to.
 */
static void pay(struct esme_account *a, int64_t used)
{
    int64_t now = loop_now_ms(a->room->loop), more = used - a->elsewhere;
    int64_t most = rate_room(&a->smsc.rate, now);

    if (now - a->heard_at <= 2 * IDLE_MS)
        most += a->smsc.rate.burst;
    if (a->elsewhere >= 0 && more > 0)
        rate_spend(&a->smsc.rate, (uint32_t)MIN(more, MIN(most, UINT32_MAX)), now);
    a->elsewhere = used;
    a->heard_at = now;
}

/* Nobody counts for us: here at least the limit holds (judge in esme.c). All is told again later. */
static void count_by_ourselves(struct esme *s)
{
    for (size_t i = 0; i < s->naccounts; i++) {
        grant(s, s->accounts[i], INT64_MAX);
        s->accounts[i]->told_binds = UINT32_MAX;
    }
}

static void on_met(struct op *op)
{
    struct esme *s = container_of(op, struct esme, meet_op);

    if (op_failed(op)) {
        if (!s->alone)
            log_err(LOG_LEVEL_WARN, NULL, "esmes counted here only", &op->err);
        count_by_ourselves(s);
    } else if (s->alone) {
        log_info(NULL, "esmes counted on all machines", "again");
    }
    s->alone = op_failed(op);
    for (int row = 0; row < pg_rows(op); row++) {
        struct esme_account *a = account_named(s, pg_text(op, row, 0));

        if (a == NULL)
            continue;
        a->told_binds += (uint32_t)pg_i64(op, row, 1); /* one that has left meanwhile is told */
        grant(s, a, pg_i64(op, row, 1));
        pay(a, pg_i64(op, row, 2));
    }
    op_release(op);
    node_wake(s, list_empty(&s->joinings) ? MEET_MS : 0);
}

static bool is_due(const struct esme_account *a, bool idle)
{
    return a->joining > 0 || a->told_binds != a->smsc.binds || a->told_used != a->smsc.used ||
           (idle && a->smsc.binds > 0);
}

static void add_row(struct esme_account *a, struct jsonw *j)
{
    jsonw_object(j);
    jsonw_kv_cstr(j, "esme", a->config.name);
    jsonw_kv_i64(j, "binds", a->smsc.binds);
    jsonw_kv_i64(j, "wants", a->joining);
    jsonw_kv_i64(j, "max", a->config.max_binds);
    jsonw_kv_i64(j, "used", (int64_t)a->smsc.used);
    jsonw_end(j);
    a->told_binds = a->smsc.binds;
    a->told_used = a->smsc.used;
}

static void mark_asked(struct esme *s)
{
    list_for_each(node, &s->joinings)
    {
        container_of(node, struct joining, node)->asked = true;
    }
}

static void meet(struct esme *s)
{
    int64_t now = loop_now_ms(s->loop);
    bool idle = now >= s->idle_at;
    struct pg_params p;
    struct buf rows;
    struct jsonw j;
    unsigned n = 0;

    buf_init(&rows, ROWS_ROOM);
    jsonw_init(&j, &rows);
    jsonw_array(&j);
    for (size_t i = 0; i < s->naccounts; i++) {
        if (!is_due(s->accounts[i], idle))
            continue;
        add_row(s->accounts[i], &j);
        n++;
    }
    jsonw_end(&j);
    if (idle)
        s->idle_at = now + IDLE_MS;
    if (n > 0) {
        mark_asked(s);
        pg_params_init(&p);
        pg_p_text(&p, s->lease_name);
        pg_p_int(&p, s->lease.epoch);
        pg_p_str(&p, buf_str(&rows));
        pg_exec_opts(s->pg, &s->meet_op, &meet_stmt, &p,
                     &(struct pg_exec_opts){.prio = PG_PRIO_HIGH, .deadline_ms = DEADLINE_MS});
    }
    buf_fini(&rows);
}

static void on_timer(void *arg)
{
    struct esme *s = arg;

    if (s->server == NULL || op_pending(&s->meet_op))
        return; /* its start, or the end of the statement, wakes us */
    meet(s);
    if (!op_pending(&s->meet_op))
        loop_timer_set(&s->meet_timer, MEET_MS);
}

void node_wake(struct esme *s, int64_t ms)
{
    loop_timer_set(&s->meet_timer, ms);
}

void node_join(struct esme *s, struct esme_account *a, uint64_t peer, bool receives)
{
    struct joining *j = calloc(1, sizeof *j);

    if (j == NULL)
        abort();
    *j = (struct joining){.a = a, .peer = peer, .receives = receives};
    a->joining++;
    list_push_back(&s->joinings, &j->node);
    if (!op_pending(&s->meet_op))
        node_wake(s, 0);
}

void node_init(struct esme *s)
{
    list_init(&s->joinings);
    op_init(&s->meet_op, s->loop, on_met);
    loop_timer_init(&s->meet_timer, s->loop, on_timer, s);
}

void node_fini(struct esme *s)
{
    loop_timer_clear(&s->meet_timer);
    op_cancel(&s->meet_op);
    op_release(&s->meet_op);
    list_for_each_safe(node, &s->joinings)
    {
        struct joining *j = container_of(node, struct joining, node);

        list_remove(&j->node);
        free(j);
    }
}
