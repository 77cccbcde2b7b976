/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room itself: one sms_account a bind, woken by the topic, by the binds and by a poll each second.
 */
#include "gateway/sms/sms.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/sms/sms_parts.h"

#define POLL_MS     1000
#define DOWN_POLLS  5   /* seconds without a link: hand back */
#define DEAD_POLLS  600 /* and what was begun */
#define LEAVE_POLLS 2   /* the same while draining */
#define PARTS_SETS  1000
#define PARTS_SIZE  (1u << 20)
#define PARTS_MS    (10 * 60 * 1000)

struct sms_account *sms_account_of(struct sms *s, const struct bind *b)
{
    for (size_t i = 0; i < s->naccounts; i++) {
        if (s->accounts[i].bind == b)
            return &s->accounts[i];
    }
    assert(!"a bind that is not ours");
    return NULL;
}

void sms_exec(struct sms_account *a, struct op *op, const struct pg_stmt *stmt,
              const struct pg_params *p)
{
    pg_exec_opts(a->s->pg, op, stmt, p,
                 &(struct pg_exec_opts){.prio = PG_PRIO_NORMAL, .deadline_ms = SMS_DEADLINE_MS});
}

void sms_ended(struct sms_account *a)
{
    if (a->s->esmes)
        pg_wake_dirty(a->s->pg, SMS_ENDED_TOPIC);
}

static void on_poll(void *arg)
{
    struct sms_account *a = arg;

    bool leaves = a->s->draining || bind_wish_of(a->bind) == BIND_DRAIN;

    a->down_polls = bind_up(a->bind) ? 0 : a->down_polls + 1;
    if (a->down_polls == DOWN_POLLS)
        sender_return(a); /* not to be sent hours later, past its end */
    if (a->down_polls >= (leaves ? LEAVE_POLLS : DEAD_POLLS))
        sender_give_up(a);
    sender_expire(a);
    takeover_step(a);
    sender_ask_cancelled(a);
    sender_wake(a);
    loop_timer_set(&a->poll, POLL_MS);
}

static void on_topic(void *arg, const char *topic)
{
    struct sms *s = arg;

    (void)topic;
    for (size_t i = 0; i < s->naccounts; i++) {
        sender_ask_cancelled(&s->accounts[i]);
        sender_wake(&s->accounts[i]);
    }
}

static void account_init(struct sms *s, struct sms_account *a, struct bind *b)
{
    a->s = s;
    a->bind = b;
    a->link = bind_config_of(b);
    takeover_init(a);
    sender_init(a);
    record_init(a);
    receiver_init(a);
    loop_timer_init(&a->poll, s->loop, on_poll, a);
    loop_timer_set(&a->poll, POLL_MS);
}

static void account_fini(struct sms_account *a)
{
    loop_timer_clear(&a->poll);
    sender_fini(a);
    takeover_fini(a);
    record_fini(a);
    receiver_fini(a);
}

struct sms *sms_new(const struct sms_config *c, const struct sms_deps *d, struct err *e)
{
    static const struct reassembly_config joining = {
        .max_sets = PARTS_SETS, .max_bytes = PARTS_SIZE, .ttl_ms = PARTS_MS};
    size_t n = binds_count(d->binds);
    struct sms *s = calloc(1, sizeof *s + n * sizeof *s->accounts);

    (void)e; /* nothing of it can fail today; the shape of every room */
    if (s == NULL)
        abort();
    s->loop = d->loop;
    s->pg = d->pg;
    s->ring = d->ring;
    s->binds = d->binds;
    s->owner = c->owner;
    s->esmes = c->esmes;
    s->naccounts = n;
    list_init(&s->inbound);
    reassembly_init(&s->parts, &joining);
    for (size_t i = 0; i < n; i++)
        account_init(s, &s->accounts[i], binds_at(d->binds, i));
    binds_set_client(d->binds, BIND_SMS, &sms_client_ops, s);
    binds_set_sink(d->binds, BIND_RECEIPT, receiver_on_receipt, s);
    binds_set_sink(d->binds, BIND_TEXT, inbound_on_text, s);
    if (n > 0)
        pg_wake_listen(d->pg, SMS_WAKE_TOPIC, on_topic, s);
    return s;
}

void sms_drain(struct sms *s)
{
    s->draining = true;
    for (size_t i = 0; i < s->naccounts; i++)
        sender_return(&s->accounts[i]);
}

bool sms_idle(const struct sms *s)
{
    for (size_t i = 0; i < s->naccounts; i++) {
        const struct sms_account *a = &s->accounts[i];

        if (!sender_idle(a) || !record_idle(a) || !receiver_idle(a) || !takeover_idle(a))
            return false;
    }
    return list_empty(&s->inbound);
}

void sms_free(struct sms *s)
{
    if (s == NULL)
        return;
    binds_set_client(s->binds, BIND_SMS, NULL, NULL);
    binds_set_sink(s->binds, BIND_RECEIPT, NULL, NULL);
    binds_set_sink(s->binds, BIND_TEXT, NULL, NULL);
    inbound_fini(s);
    for (size_t i = 0; i < s->naccounts; i++)
        account_fini(&s->accounts[i]);
    reassembly_fini(&s->parts);
    sender_forget_counters();
    takeover_forget_counters();
    record_forget_counters();
    receiver_forget_counters();
    inbound_forget_counters();
    free(s);
}
