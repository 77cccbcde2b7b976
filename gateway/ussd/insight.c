/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ussd/insight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/jsonw.h"
#include "gateway/lib/log.h"
#include "gateway/ussd/active.h"

#define FLUSH_MS    1000
#define DEADLINE_MS 10000
#define FIRST_ROOM  64 /* records; doubles up to INSIGHT_BATCH_MAX */
#define BATCH_BYTES (INSIGHT_BATCH_MAX * 400u)

PG_STMT(put_stmt, "ussd.hops_put", PG_SLOW, 1, "select ops.hops_put($1::jsonb)");

static struct counter sessions = COUNTER("coko_ussd_sessions_total", "Dialogues by how they ended");
static struct counter session_hops =
    COUNTER("coko_ussd_session_hops_total", "Dialogues that ended after so many hops");
static struct counter recovered =
    COUNTER("coko_ussd_recovered_total", "Hops whose dialogue was found again, by what found it");
static struct counter dropped =
    COUNTER("coko_ussd_insight_dropped_total", "Hops that were not logged: no room, or refused");
static struct counter logged = COUNTER("coko_ussd_insight_logged_total", "Hops that were logged");

struct record {
    int64_t at_us;
    uint8_t session[SESSION_MARK_LEN];
    uint32_t n, ms;
    const char *kind; /* closed set */
    bool ended;
    char carrier[32], from[32], screen[32], country[3], lang[6];
};

struct batch {
    struct record *records;
    size_t n, room;
};

struct insight {
    struct loop *loop;
    struct pg *pg;
    struct op op;
    struct loop_timer timer;
    struct active active;
    struct batch fresh, sent;
    bool away; /* the last write failed */
};

/* ---- the counters ------------------------------------------------------------------------------ */

static void count_session(const struct carrier *c, const char *outcome)
{
    char labels[96];

    snprintf(labels, sizeof labels, "carrier=\"%s\",outcome=\"%s\"", c->profile.name, outcome);
    counter_inc(counter_with(&sessions, labels));
}

/* Powers of two: a histogram of counts, which Prometheus can add up. */
static void count_hops(unsigned n)
{
    counter_inc(counter_with(&session_hops, n <= 1    ? "hops=\"1\""
                                            : n <= 3  ? "hops=\"2-3\""
                                            : n <= 7  ? "hops=\"4-7\""
                                            : n <= 15 ? "hops=\"8-15\""
                                            : n <= 31 ? "hops=\"16-31\""
                                                      : "hops=\"32+\""));
}

/* replay: the path was walked again, or the stored reply sent again; store: the place was kept; auto
 * and ask: he dialled again, and his last dialogue's place was shown, or offered. */
static void count_recovered(const struct turn *t)
{
    if (!t->hop.why)
        return; /* failed before it was known what the callback was */
    if (t->again)
        counter_inc(
            counter_with(&recovered, menu_asking(t->menu) ? "method=\"ask\"" : "method=\"auto\""));
    else if (t->hop.kind == HOP_REPLAY || (t->hop.kind == HOP_BEGIN && t->carrier->profile.path &&
                                           t->ev.input.n > 0 && strcmp(t->hop.why, "unknown") == 0))
        counter_inc(counter_with(&recovered, "method=\"replay\""));
    else if (t->hop.kind == HOP_RESHOW)
        counter_inc(counter_with(&recovered, "method=\"store\""));
}

void insight_shed(const struct carrier *c)
{
    count_session(c, "shed");
}

/* ---- a record ---------------------------------------------------------------------------------- */

static const char *kind_of(const struct turn *t)
{
    if (t->sorry)
        return "failed";
    if (t->guarded)
        return "guard";
    switch (t->hop.kind) {
    case HOP_BEGIN: return "begin";
    case HOP_RESHOW: return "reshow";
    case HOP_SILENT: return t->hop.why;
    default: break;
    }
    if (t->invalid)
        return "invalid";
    return menu_goes_back(t->gen->menu, t->hop.input) ? "back" : "answered";
}

static const char *outcome_of(const struct turn *t)
{
    if (t->sorry)
        return "error";
    if (t->hop.kind == HOP_SILENT)
        return t->hop.why;
    return t->end ? "end" : NULL;
}

static bool has_mark(const struct turn *t)
{
    static const uint8_t none[SESSION_MARK_LEN];

    return memcmp(t->stored.mark, none, sizeof none) != 0;
}

static void fill(struct record *r, const struct turn *t)
{
    struct str lang = t->menu ? menu_var(t->gen->menu, t->menu, "lang") : STR_EMPTY;

    *r = (struct record){.at_us = clock_wall_us(),
                         .n = t->stored.hops + 1u,
                         .ms = (uint32_t)((clock_mono_us() - t->started_us) / 1000),
                         .kind = kind_of(t),
                         .ended = t->end && !t->sorry && t->hop.kind != HOP_SILENT};
    memcpy(r->session, t->stored.mark, SESSION_MARK_LEN);
    snprintf(r->carrier, sizeof r->carrier, "%s", t->carrier->profile.name);
    snprintf(r->from, sizeof r->from, "%s", t->from ? t->from : "");
    snprintf(r->screen, sizeof r->screen, "%s", t->screen && !t->sorry ? t->screen : "");
    snprintf(r->country, sizeof r->country, "%s", t->number.country);
    if (!str_to_c(lang, r->lang, sizeof r->lang))
        r->lang[0] = '\0';
}

/* Room for one more, or NULL when the batch is full. */
static struct record *batch_add(struct batch *b)
{
    if (b->n == b->room) {
        size_t room = b->room ? b->room * 2 : FIRST_ROOM;

        if (b->room == INSIGHT_BATCH_MAX)
            return NULL;
        b->records = realloc(b->records, room * sizeof *b->records);
        if (!b->records)
            abort();
        b->room = room;
    }
    return &b->records[b->n++];
}

void insight_turn(struct insight *in, const struct turn *t)
{
    const char *outcome = outcome_of(t);
    struct record *r;

    count_recovered(t);
    if (outcome) {
        count_session(t->carrier, outcome);
        count_hops(t->stored.hops + 1u);
    }
    if (!has_mark(t) || !(t->screen || t->sorry || t->hop.kind == HOP_SILENT))
        return;
    active_hop(&in->active, t->stored.opened, outcome ? 0 : t->opened);
    r = batch_add(&in->fresh);
    if (!r) {
        counter_inc(&dropped);
        return;
    }
    fill(r, t);
    if (in->fresh.n == 1 && !op_pending(&in->op))
        loop_timer_set(&in->timer, FLUSH_MS);
}

/* ---- writing ----------------------------------------------------------------------------------- */

static void put_record(struct jsonw *j, const struct record *r)
{
    char hex[2 * SESSION_MARK_LEN];
    struct buf b;

    buf_init_fixed(&b, hex, sizeof hex);
    hex_encode(&b, r->session, SESSION_MARK_LEN);
    jsonw_object(j);
    jsonw_kv_i64(j, "at", r->at_us);
    jsonw_kv_str(j, "session", buf_str(&b));
    jsonw_kv_i64(j, "n", r->n);
    jsonw_kv_cstr(j, "carrier", r->carrier);
    jsonw_kv_cstr(j, "country", r->country);
    jsonw_kv_cstr(j, "lang", r->lang);
    jsonw_kv_cstr(j, "from", r->from);
    jsonw_kv_cstr(j, "screen", r->screen);
    jsonw_kv_cstr(j, "kind", r->kind);
    jsonw_kv_bool(j, "ended", r->ended);
    jsonw_kv_i64(j, "ms", r->ms);
    jsonw_end(j);
}

static void send_batch(struct insight *in)
{
    struct pg_exec_opts o = {.prio = PG_PRIO_LOW, .deadline_ms = DEADLINE_MS};
    struct pg_params p;
    struct jsonw j;
    struct buf b;

    buf_init(&b, BATCH_BYTES);
    jsonw_init(&j, &b);
    jsonw_array(&j);
    for (size_t i = 0; i < in->sent.n; i++)
        put_record(&j, &in->sent.records[i]);
    jsonw_end(&j);
    pg_params_init(&p);
    pg_p_str(&p, buf_str(&b));
    pg_exec_opts(in->pg, &in->op, &put_stmt, &p, &o);
    buf_fini(&b);
}

static void flush(void *arg)
{
    struct insight *in = arg;
    struct batch empty = in->sent;

    if (op_pending(&in->op))
        return;
    if (in->sent.n == 0) {
        in->sent = in->fresh;
        in->fresh = empty;
    }
    if (in->sent.n > 0)
        send_batch(in);
}

/* Bad data, a broken rule, a missing table: the batch as such would be refused again. */
static bool refuses(const struct op *op)
{
    return op_failed(op) && (!strncmp(op->sqlstate, "22", 2) || !strncmp(op->sqlstate, "23", 2) ||
                             !strncmp(op->sqlstate, "42", 2));
}

static void on_op(struct op *op)
{
    struct insight *in = container_of(op, struct insight, op);
    bool refused = refuses(op);

    in->away = op_failed(op);
    if (in->away)
        log_err(LOG_LEVEL_WARN, NULL, "hops not logged", &op->err);
    if (!in->away || refused) {
        counter_add(in->away ? &dropped : &logged, in->sent.n);
        in->sent.n = 0;
    }
    op_release(op);
    if (in->sent.n > 0 || in->fresh.n > 0)
        loop_timer_set(&in->timer, FLUSH_MS);
}

bool insight_settle(struct insight *in)
{
    if (op_pending(&in->op))
        return false;
    if (in->away || (in->sent.n == 0 && in->fresh.n == 0))
        return true;
    loop_timer_clear(&in->timer);
    flush(in);
    return false;
}

/* ---- life -------------------------------------------------------------------------------------- */

struct insight *insight_new(struct loop *loop, struct pg *pg)
{
    struct insight *in = calloc(1, sizeof *in);

    if (!in)
        abort();
    in->loop = loop;
    in->pg = pg;
    op_init(&in->op, loop, on_op);
    loop_timer_init(&in->timer, loop, flush, in);
    active_init(&in->active, loop);
    return in;
}

void insight_free(struct insight *in)
{
    if (!in)
        return;
    loop_timer_clear(&in->timer);
    active_fini(&in->active);
    op_cancel(&in->op);
    op_release(&in->op);
    free(in->fresh.records);
    free(in->sent.records);
    counter_forget(&sessions);
    counter_forget(&session_hops);
    counter_forget(&recovered);
    free(in);
}
