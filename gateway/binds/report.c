/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows that `coko status` shows, and the wishes that `coko link` leaves: one statement each
 * second, and at once when the topic says so, carries the first there (every few seconds) and the
 * second back. Nothing is wanted before the first answer: a drained account stays drained when its
 * daemon starts again.
 *
 * A report that is lost is no loss: the next one says the same. Wishes stand until others are heard.
 */
#include "gateway/binds/binds_parts.h"
#include "gateway/lib/jsonw.h"
#include "gateway/lib/log.h"

#define ASK_MS       1000
#define REPORT_MS    2000
#define REPORT_MAX   (1u << 20)
#define REPORT_TOPIC "coko_account"

PG_STMT(report_stmt, "binds.report", PG_WRITE, 1,
        "select account, wish from messaging.bind_report($1::jsonb)");

/* ---- there ---- */

static uint64_t answered(const struct session_stats *s)
{
    return s->accepted + s->refused + s->throttled;
}

static void add_line(struct jsonw *j, struct bind_line *line, int64_t over_ms)
{
    const struct bind *b = line->bind;
    struct link_status s = {.state = LINK_IDLE};

    link_status_get(line->link, &s);
    uint64_t total = answered(&s.stats);

    jsonw_object(j);
    jsonw_kv_cstr(j, "name", line->name);
    jsonw_kv_cstr(j, "lease", b->lease_name);
    jsonw_kv_cstr(j, "account", b->c->account);
    jsonw_kv_cstr(j, "owner", b->lease.owner);
    jsonw_kv_i64(j, "epoch", b->lease.epoch);
    jsonw_kv_cstr(j, "state", link_state_name(s.state));
    jsonw_kv_i64(j, "since_ms", s.state_ms);
    jsonw_kv_i64(j, "window_used", s.in_flight);
    jsonw_kv_i64(j, "window_size", b->c->window);
    jsonw_kv_i64(j, "waiting", line->no == 1 ? b->queue.left : 0);
    jsonw_kv_i64(j, "rate_now", rate_now(&b->rate));
    jsonw_kv_i64(j, "rate_full", b->c->rate);
    jsonw_kv_i64(j, "answered",
                 (int64_t)(total >= line->reported ? total - line->reported : total));
    jsonw_kv_i64(j, "over_ms", over_ms);
    jsonw_kv_bool(j, "throttled", b->rate.paused_until > loop_now_ms(b->set->loop));
    jsonw_kv_cstr(j, "error", s.last_error);
    jsonw_end(j);
    line->reported = total;
}

static void add_lines(struct jsonw *j, struct bind *b, int64_t over_ms)
{
    for
        EACH_LINE(b, line)
        {
            if (bind_owned(b) && line->link != NULL)
                add_line(j, line, over_ms);
        }
}

static void add_binds(struct binds *bs, struct buf *out)
{
    int64_t now = loop_now_ms(bs->loop), over = now - bs->reported_at;
    struct jsonw j;

    jsonw_init(&j, out);
    jsonw_array(&j);
    if (bs->reported_at == 0 || over >= REPORT_MS) {
        for (size_t i = 0; i < bs->n; i++)
            add_lines(&j, &bs->all[i], over);
        bs->reported_at = now;
    }
    jsonw_end(&j);
}

static void report(struct binds *bs)
{
    struct pg_params p;
    struct buf text;

    if (op_pending(&bs->report_op))
        return;
    buf_init(&text, REPORT_MAX);
    add_binds(bs, &text);
    if (text.failed == ERR_OK) {
        pg_params_init(&p);
        pg_p_str(&p, buf_str(&text));
        pg_exec(bs->pg, &bs->report_op, &report_stmt, &p);
    }
    buf_fini(&text);
}

/* ---- and back ---- */

static enum bind_wish wish_of(struct str word)
{
    if (str_eq_c(word, "pause"))
        return BIND_PAUSE;
    return str_eq_c(word, "drain") ? BIND_DRAIN : BIND_RUN;
}

static void hear(struct binds *bs, struct str account, struct str word)
{
    for (size_t i = 0; i < bs->n; i++) {
        struct bind *b = &bs->all[i];

        if (!str_eq_c(account, b->c->account) || b->wish == wish_of(word))
            continue;
        log_info(NULL, "account wished", "account=%s wish=%.*s", b->c->account, (int)word.n,
                 word.p);
        bind_set_wish(b, wish_of(word));
    }
}

static void on_reported(struct op *op)
{
    struct binds *bs = container_of(op, struct binds, report_op);

    if (op_failed(op)) {
        log_debug(NULL, "binds not reported", "%s", op->err.msg);
    } else {
        for (int row = 0; row < pg_rows(op); row++)
            hear(bs, pg_str(op, row, 0), pg_str(op, row, 1));
        bs->started = true;
    }
    op_release(op);
    binds_want(bs);
}

static void on_timer(void *arg)
{
    struct binds *bs = arg;

    report(bs);
    loop_timer_set(&bs->report_timer, ASK_MS);
}

static void on_topic(void *arg, const char *topic)
{
    struct binds *bs = arg;

    (void)topic;
    loop_timer_set(&bs->report_timer, 0);
}

/* ---- life ---- */

void binds_report_start(struct binds *bs)
{
    if (bs->n == 0)
        return;
    loop_timer_set(&bs->report_timer, 0);
    pg_wake_listen(bs->pg, REPORT_TOPIC, on_topic, bs);
}

void binds_report_stop(struct binds *bs)
{
    loop_timer_clear(&bs->report_timer);
    op_cancel(&bs->report_op);
    op_release(&bs->report_op);
}

void binds_report_init(struct binds *bs)
{
    op_init(&bs->report_op, bs->loop, on_reported);
    loop_timer_init(&bs->report_timer, bs->loop, on_timer, bs);
}
