/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of a bind: each a link with its own window, link check and back-off.
 *
 *   no link --- bind_lines_fit ---> link --- bind_lines_leave, or one too many ---> stopping
 *      ^                             (connects for ever, up while bound)                |
 *      +------------------------------ on_reap: stopped ---------------------------------+
 *
 * A line that was let go and is wanted again by then is opened at once. The link objects of a bind are
 * numbered: an answer or a repeated delivery is known by the number of the one that brought it.
 */
#include <stdio.h>

#include "gateway/binds/binds_parts.h"
#include "gateway/lib/log.h"

/* ---- a link's events ---- */

static void on_up(void *ctx)
{
    struct bind_line *line = ctx;

    line->up = line->bind->c->mode != BIND_MODE_RX;
    bind_tell_changed(line->bind);
}

static void on_down(void *ctx, enum session_end why)
{
    struct bind_line *line = ctx;

    log_at(line->stopping ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, NULL, "bind down",
           "account=%s line=%u why=%s", line->bind->c->account, line->no, session_end_name(why));
    line->up = false;
    bind_tell_changed(line->bind);
}

static void on_submit_done(void *ctx, uint64_t tag, uint32_t status, struct str id, bool late)
{
    const struct bind_line *line = ctx;

    bind_on_answer(line->bind, tag, status, id, late);
}

static void on_throttled(void *ctx, uint64_t tag)
{
    const struct bind_line *line = ctx;

    bind_on_throttled(line->bind, tag);
}

static void on_unknown(void *ctx, uint64_t tag)
{
    const struct bind_line *line = ctx;

    bind_on_unknown(line->bind, tag);
}

static void on_deliver(void *ctx, const struct link_delivery *d, const struct pdu *pdu)
{
    const struct bind_line *line = ctx;

    bind_deliver(line, d, pdu);
}

static void on_ready(void *ctx)
{
    const struct bind_line *line = ctx;

    bind_pump_soon(line->bind);
}

static void on_stopped(void *ctx)
{
    struct bind_line *line = ctx;

    loop_timer_set(&line->reap, 0);
}

static const struct link_sink link_sink = {
    .up = on_up,
    .down = on_down,
    .submit_done = on_submit_done,
    .throttled = on_throttled,
    .unknown = on_unknown,
    .deliver = on_deliver,
    .ready = on_ready,
    .stopped = on_stopped,
};

/* ---- opening and leaving ---- */

static bool is_wanted(const struct bind_line *line)
{
    const struct bind *b = line->bind;

    return bind_owned(b) && !bind_leaving(b) && line->no <= (unsigned)b->c->binds;
}

static void line_open(struct bind_line *line)
{
    struct bind *b = line->bind;
    struct link_config config = bind_link_config(line, b->c, b->tls);
    struct err e;

    line->link = link_new(b->set->loop, &config, &link_sink, line, &e);
    if (line->link == NULL) { /* binds_new has tried the same */
        log_err(LOG_LEVEL_ERROR, NULL, "link not made", &e);
        return;
    }
    line->generation = ++b->generations;
    line->stopping = false;
    line->counted = (struct session_stats){0};
    line->counted_binds = 0;
    link_start(line->link);
}

static void line_leave(struct bind_line *line)
{
    if (line->link == NULL || line->stopping)
        return;
    line->stopping = true;
    line->up = false; /* it still hears answers, and takes nothing new */
    link_stop(line->link);
}

static void on_reap(void *arg)
{
    struct bind_line *line = arg;
    struct bind *b = line->bind;

    bind_figures(b);
    link_free(line->link);
    line->link = NULL;
    line->up = line->stopping = false;
    if (is_wanted(line))
        line_open(line);
    else if (bind_leaving(b) && bind_lines_gone(b))
        lease_stop(&b->lease);
}

void bind_lines_fit(struct bind *b)
{
    for
        EACH_LINE(b, line)
        {
            if (!is_wanted(line))
                line_leave(line);
            else if (line->link == NULL)
                line_open(line);
        }
}

void bind_lines_leave(struct bind *b)
{
    for
        EACH_LINE(b, line)
        {
            line_leave(line);
        }
}

bool bind_lines_gone(const struct bind *b)
{
    for (size_t i = 0; i < BIND_LINES_MAX; i++) {
        if (b->lines[i].link != NULL)
            return false;
    }
    return true;
}

bool bind_up(const struct bind *b)
{
    for (size_t i = 0; i < BIND_LINES_MAX; i++) {
        if (b->lines[i].up)
            return true;
    }
    return false;
}

/* ---- life ---- */

void bind_lines_init(struct bind *b)
{
    const char *ear = b->c->mode == BIND_MODE_RX ? "-rx" : ""; /* may stand beside a transmitter */

    for
        EACH_LINE(b, line)
        {
            line->bind = b;
            line->no = (unsigned)(line - b->lines) + 1;
            if (line->no == 1)
                (void)snprintf(line->name, sizeof line->name, "%s%s", b->c->account, ear);
            else
                (void)snprintf(line->name, sizeof line->name, "%s%s#%u", b->c->account, ear,
                               line->no);
            (void)snprintf(line->label, sizeof line->label, "bind=\"%s\"", line->name);
            loop_timer_init(&line->reap, b->set->loop, on_reap, line);
        }
}

void bind_lines_fini(struct bind *b)
{
    for
        EACH_LINE(b, line)
        {
            link_free(line->link); /* reports what is in flight as unknown */
            line->link = NULL;
            loop_timer_clear(&line->reap);
        }
}
