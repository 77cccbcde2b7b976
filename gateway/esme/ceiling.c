/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of an ESME may wait in the outbox ([esme] outbox): a carrier that is slow, or a schedule
 * far ahead, must not fill our disk. Counting rows at each submit would cost more than the submit,
 * so the room is known from above: what the last count found and all that was accepted since, as if
 * none of it had left. Only when that reaches the ceiling are the rows counted again, once a second
 * at most and a twentieth of the time; until the answer more is refused with 0x14.
 *
 * A listener counts the rows of all machines, but what came to another since its last count it does
 * not know: together they may be over the ceiling by one ceiling a further machine at most.
 */
#include "gateway/esme/esme_parts.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"

#define COUNT_MS    1000
#define REST        20 /* times as long as a count took */
#define DEADLINE_MS 10000

PG_STMT(
    waiting_stmt, "esme.waiting", PG_SLOW, 2,
    "select count(*) from (select 1 from messaging.message m cross join lateral"
    " (select 1 from messaging.esme_message e where e.message_id = m.id and e.esme = $1 offset 0) its"
    " where m.kind = 'esme' and m.state = 'queued' order by m.id limit $2::bigint) w");

static struct counter waiting =
    GAUGE("coko_esme_outbox", "Messages of an account that wait in the outbox, as last counted");

static void count(struct esme_account *a)
{
    struct ceiling *c = &a->ceiling;
    struct pg_params p;

    if (op_pending(&c->op) || loop_now_ms(a->room->loop) < c->again_at)
        return;
    c->began_at = loop_now_ms(a->room->loop);
    c->gone = c->since - MIN(c->since, a->submit.rows); /* the others may commit too late for it */
    pg_params_init(&p);
    pg_p_text(&p, a->config.name);
    pg_p_int(&p, a->config.outbox);
    pg_exec_opts(a->room->pg, &c->op, &waiting_stmt, &p,
                 &(struct pg_exec_opts){.prio = PG_PRIO_NORMAL, .deadline_ms = DEADLINE_MS});
}

static void on_counted(struct op *op)
{
    struct esme_account *a = container_of(op, struct esme_account, ceiling.op);
    struct ceiling *c = &a->ceiling;
    int64_t now = loop_now_ms(a->room->loop);

    c->again_at = now + MAX(COUNT_MS, REST * (now - c->began_at));
    if (op_failed(op) || pg_rows(op) < 1) {
        log_err(LOG_LEVEL_WARN, NULL, "outbox of an esme not counted", &op->err);
    } else {
        c->counted = pg_i64(op, 0, 0);
        c->since -= c->gone;
        c->known = true;
        counter_set(counter_with(&waiting, a->label), c->counted);
    }
    op_release(op);
}

bool ceiling_room(struct esme_account *a, unsigned numbers)
{
    struct ceiling *c = &a->ceiling;
    bool room = c->counted + c->since + numbers <= a->config.outbox;

    if (!room || !c->known)
        count(a);
    return room;
}

void ceiling_took(struct esme_account *a, unsigned numbers)
{
    a->ceiling.since += numbers;
}

void ceiling_init(struct esme_account *a)
{
    op_init(&a->ceiling.op, a->room->loop, on_counted);
}

void ceiling_fini(struct esme_account *a)
{
    op_cancel(&a->ceiling.op);
    op_release(&a->ceiling.op);
}

void ceiling_forget_counters(void)
{
    counter_forget(&waiting);
}
