/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coko_smpp_* of one bind, brought up to date from its links' own counts: what belongs to the account
 * under its name, what belongs to a line under the line's (the first one's is the same).
 */
#include "gateway/binds/binds_parts.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"

static struct counter up = GAUGE("coko_smpp_bind_up", "1 when bound");
static struct counter mine = GAUGE("coko_smpp_bind_owner", "1 when this process holds the lease");
static struct counter used = GAUGE("coko_smpp_window_used", "Parts waiting for their response");
static struct counter size = GAUGE("coko_smpp_window_size", "Parts that may wait");
static struct counter limit = GAUGE("coko_smpp_rate_limit", "Parts a second by contract, 0: none");
static struct counter waiting = GAUGE("coko_smpp_queue_parts", "Parts that wait to be written");
static struct counter alarm_on =
    GAUGE("coko_smpp_bind_alarm", "1 when our credentials are refused");
static struct counter rebinds = COUNTER("coko_smpp_rebinds_total", "Binds made");
static struct counter throttled =
    COUNTER("coko_smpp_throttled_total", "Parts refused because we were too fast");
static struct counter unknown = COUNTER("coko_smpp_unknown_total", "Parts without an answer");
static struct counter late = COUNTER("coko_smpp_late_total", "Answers after their time");
static struct counter shed =
    COUNTER("coko_smpp_deliver_shed_total", "Deliveries refused because too many were open");
static struct counter bad =
    COUNTER("coko_smpp_decode_errors_total", "Requests answered with an error");
static struct counter odd =
    COUNTER("coko_smpp_odd_pdus_total", "PDUs accepted in spite of a fault");
static struct counter pdus = COUNTER("coko_smpp_pdus_total", "PDUs by kind and direction");

static struct counter rtt =
    HISTOGRAM("coko_smpp_enquire_rtt_seconds", "Our enquire_link to its answer");

#define STAT(field) offsetof(struct session_stats, field)

static const struct figure {
    struct counter *c;
    size_t offset; /* in struct session_stats */
    const char *more;
} figures[] = {
    {&throttled, STAT(throttled), ""},
    {&unknown, STAT(unknown), ""},
    {&late, STAT(late), ""},
    {&shed, STAT(deliver_shed), ""},
    {&bad, STAT(bad_requests), ""},
    {&odd, STAT(odd_pdus), ""},
    {&pdus, STAT(submits), ",pdu=\"submit_sm\",direction=\"out\""},
    {&pdus, STAT(accepted), ",pdu=\"submit_sm_resp\",direction=\"in\""},
    {&pdus, STAT(delivers), ",pdu=\"deliver_sm\",direction=\"in\""},
    {&pdus, STAT(enquires_in), ",pdu=\"enquire_link\",direction=\"in\""},
    {&pdus, STAT(enquires_out), ",pdu=\"enquire_link\",direction=\"out\""},
    {&pdus, STAT(nacks_in), ",pdu=\"generic_nack\",direction=\"in\""},
    {&pdus, STAT(nacks_out), ",pdu=\"generic_nack\",direction=\"out\""},
};

static void gauge(const struct bind_line *line, struct counter *c, int64_t v)
{
    counter_set(counter_with(c, line->label), v);
}

static uint64_t stat_at(const struct session_stats *s, size_t offset)
{
    uint64_t v;

    memcpy(&v, (const char *)s + offset, sizeof v);
    return v;
}

/* A new link counts from 0 again. */
static uint64_t grown(uint64_t now, uint64_t before)
{
    return now >= before ? now - before : now;
}

/* One line a second says how many. */
static void tell_refused(const struct bind_line *line, const struct session_stats *now)
{
    uint64_t wrong = grown(now->bad_requests, line->counted.bad_requests),
             many = grown(now->deliver_shed, line->counted.deliver_shed);

    if (wrong + many > 0)
        log_warn(NULL, "pdus of a carrier refused", "bind=%s bad=%llu too_many=%llu", line->name,
                 (unsigned long long)wrong, (unsigned long long)many);
}

static void count(struct bind_line *line, const struct link_status *s)
{
    char labels[128];

    for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
        const struct figure *f = &figures[i];
        uint64_t more = grown(stat_at(&s->stats, f->offset), stat_at(&line->counted, f->offset));
        struct buf text;

        buf_init_fixed(&text, labels, sizeof labels);
        buf_puts(&text, line->label);
        buf_puts(&text, f->more);
        counter_add(counter_with(f->c, buf_cstr(&text)), more);
    }
    if (s->stats.enquires_answered > line->counted.enquires_answered)
        counter_observe_us(counter_with(&rtt, line->label), s->enquire_rtt * 1000);
    counter_add(counter_with(&rebinds, line->label), grown(s->binds, line->counted_binds));
    tell_refused(line, &s->stats);
    line->counted = s->stats;
    line->counted_binds = s->binds;
}

static void line_figures(struct bind_line *line)
{
    struct link_status s = {.state = LINK_IDLE};
    const struct bind *b = line->bind;

    if (line->link != NULL) {
        link_status_get(line->link, &s);
        count(line, &s);
    }
    gauge(line, &up, line->up);
    gauge(line, &used, s.in_flight);
    /* the sum over workers counts it once */
    gauge(line, &size, bind_owned(b) && line->no <= (unsigned)b->c->binds ? b->c->window : 0);
    gauge(line, &alarm_on, s.alarm);
}

void bind_figures(struct bind *b)
{
    for (unsigned i = 0; i < BIND_LINES_MAX; i++) {
        if (i == 0 || b->lines[i].generation != 0) /* a line that never was has no row */
            line_figures(&b->lines[i]);
    }
    gauge(&b->lines[0], &mine, bind_owned(b));
    gauge(&b->lines[0], &limit, bind_owned(b) ? b->c->rate : 0);
    gauge(&b->lines[0], &waiting, b->queue.left);
}

void bind_figures_forget(void)
{
    struct counter *const all[] = {&up,       &mine,    &used,      &size,    &limit, &waiting,
                                   &alarm_on, &rebinds, &throttled, &unknown, &late,  &shed,
                                   &bad,      &odd,     &pdus,      &rtt};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        counter_forget(all[i]);
}
