/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wake-ups: a topic is marked dirty after a commit, and at most one NOTIFY a topic leaves every
 * PG_WAKE_MS, on the wake lane. NOTIFY inside the writing transaction would hold one global lock
 * through every commit; here it costs nothing to the writers.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/io/pg_conn.h"
#include "gateway/lib/clock.h"

static struct counter sent = COUNTER("coko_wake_sent_total", "NOTIFY commands sent");
static struct counter received = COUNTER("coko_wake_received_total", "Notifications received");

static void on_notify_done(struct op *op)
{
    op_release(op); /* best effort: consumers also poll */
}

static void on_listen_done(struct op *op)
{
    struct pg_topic *t = container_of(op, struct pg_topic, listen_op);

    if (op_failed(op))
        log_warn(NULL, "listen failed", "topic=%s %s", t->name, op->err.msg);
    op_release(op);
}

static void topic_listen(struct pg *pg, struct pg_topic *t)
{
    if (t->fn == NULL || op_pending(&t->listen_op) || !pg_lane_up(pg, PG_WAKE))
        return;
    pg_exec(pg, &t->listen_op, &t->listen, NULL);
    t->fn(t->arg, t->given); /* what was missed while nobody listened */
}

static void topic_notify(struct pg *pg, struct pg_topic *t, int64_t now)
{
    t->dirty = false;
    t->sent_ms = now;
    counter_inc(&sent);
    pg_exec(pg, &t->notify_op, &t->notify, NULL);
}

static void on_wake_timer(void *arg)
{
    struct pg *pg = arg;
    int64_t now = loop_now_ms(pg->loop);
    bool later = false;

    for (unsigned i = 0; i < pg->ntopics; i++) {
        struct pg_topic *t = pg->topics[i];

        if (t->dirty && now - t->sent_ms >= PG_WAKE_MS && !op_pending(&t->notify_op))
            topic_notify(pg, t, now);
        later |= t->dirty;
    }
    if (later)
        loop_timer_set(&pg->wake_timer, PG_WAKE_MS);
}

static struct pg_topic *topic_new(struct pg *pg, const char *name)
{
    struct pg_topic *t = calloc(1, sizeof *t);

    if (t == NULL)
        abort();
    assert(strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
    assert(strlen(name) < sizeof t->name && pg->ntopics < PG_TOPICS_MAX);
    snprintf(t->name, sizeof t->name, "%s", name);
    snprintf(t->listen_sql, sizeof t->listen_sql, "LISTEN %s", t->name);
    snprintf(t->notify_sql, sizeof t->notify_sql, "NOTIFY %s", t->name);
    t->listen =
        (struct pg_stmt){.name = "listen", .sql = t->listen_sql, .lane = PG_WAKE, .flags = PG_ONCE};
    t->notify =
        (struct pg_stmt){.name = "notify", .sql = t->notify_sql, .lane = PG_WAKE, .flags = PG_ONCE};
    op_init(&t->listen_op, pg->loop, on_listen_done);
    op_init(&t->notify_op, pg->loop, on_notify_done);
    t->sent_ms = -PG_WAKE_MS;
    if (pg->ntopics == 0)
        loop_timer_init(&pg->wake_timer, pg->loop, on_wake_timer, pg);
    pg->topics[pg->ntopics++] = t;
    return t;
}

static struct pg_topic *topic_of(struct pg *pg, const char *name)
{
    for (unsigned i = 0; i < pg->ntopics; i++)
        if (strcmp(pg->topics[i]->name, name) == 0)
            return pg->topics[i];
    return topic_new(pg, name);
}

void pg_wake_dirty(struct pg *pg, const char *topic)
{
    struct pg_topic *t = topic_of(pg, topic);

    if (t->dirty || pg->lanes[PG_WAKE].config.connections == 0)
        return;
    t->dirty = true;
    if (!loop_timer_is_set(&pg->wake_timer)) {
        int64_t since = loop_now_ms(pg->loop) - t->sent_ms;

        loop_timer_set(&pg->wake_timer, since >= PG_WAKE_MS ? 0 : PG_WAKE_MS - since);
    }
}

void pg_wake_listen(struct pg *pg, const char *topic, void (*fn)(void *arg, const char *topic),
                    void *arg)
{
    struct pg_topic *t = topic_of(pg, topic);

    t->fn = fn;
    t->arg = arg;
    t->given = topic;
    topic_listen(pg, t);
}

void pg_wake_connected(struct pg *pg)
{
    for (unsigned i = 0; i < pg->ntopics; i++)
        topic_listen(pg, pg->topics[i]);
}

void pg_wake_notified(struct pg *pg, const char *topic)
{
    for (unsigned i = 0; i < pg->ntopics; i++) {
        struct pg_topic *t = pg->topics[i];

        if (t->fn == NULL || strcmp(t->name, topic) != 0)
            continue;
        counter_inc(&received);
        t->fn(t->arg, t->given);
    }
}

void pg_wake_stop(struct pg *pg)
{
    loop_timer_clear(&pg->wake_timer);
    for (unsigned i = 0; i < pg->ntopics; i++) {
        op_cancel(&pg->topics[i]->listen_op);
        op_cancel(&pg->topics[i]->notify_op);
    }
}

/* After the lanes: requests still in a pipeline point at the topics' statements. */
void pg_wake_fini(struct pg *pg)
{
    for (unsigned i = 0; i < pg->ntopics; i++)
        free(pg->topics[i]);
    pg->ntopics = 0;
}
