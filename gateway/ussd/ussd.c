/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The USSD room: loads menus and carriers, answers /ussd/<carrier>/<secret>.
 *
 * Once the request is well formed and the secret right, the carrier always gets its own success
 * status (a subscriber sees the generic error of his network otherwise); before that 400 and 404,
 * counted. An unknown carrier and a wrong secret look the same from outside.
 */
#include "gateway/ussd/ussd.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/io/http_parse.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"
#include "gateway/ussd/insight.h"
#include "gateway/ussd/talk.h"

#define CARRIER(field) offsetof(struct ussd_carrier_config, field)

const struct option_row ussd_carrier_options[] = {
    {"carrier", "profile", OPTION_STRING, CARRIER(profile), .def = "",
     .help = "Wire format, a file of gateway/ussd/profiles; empty: the section's name"},
    {"carrier", "secret", OPTION_SECRET, CARRIER(secret), .def = "",
     .help = "Last part of the callback address: /ussd/NAME/SECRET; with link, of the address that "
             "rings a reader"},
    {"carrier", "link", OPTION_STRING, CARRIER(link), .def = "",
     .help = "USSD over SMPP: account of the [link] that carries it, a transceiver"},
    {"carrier", "short_code", OPTION_STRING, CARRIER(short_code), .def = "",
     .help = "Our code on this carrier: *384*26#"},
    {"carrier", "country", OPTION_STRING, CARRIER(country), .def = "", .min = 0, .max = 2,
     .help = "ISO country of numbers in national form; empty: the profile's"},
};
const size_t ussd_carrier_options_count = ARRAY_LEN(ussd_carrier_options);

static struct counter refused =
    COUNTER("coko_ussd_refused_total", "Callbacks refused before a turn");
static struct counter hops = COUNTER("coko_ussd_hops_total", "Callbacks answered");

static const char *const outcomes[] = {"continue", "end", "silent", "failed"};

/* ---- the HTTP port ---- */

static void http_send(void *arg, const struct profile *p, struct str body)
{
    struct http_exchange *x = arg;

    http_reply_header(x, "Cache-Control", STR("no-store"));
    http_reply(x, 200, p->content_type, body);
}

static void http_gone(struct http_exchange *x)
{
    turn_gone(x->user);
}

static void http_detach(void *arg)
{
    struct http_exchange *x = arg;

    x->on_gone = NULL;
    x->user = NULL;
}

static void refuse(struct http_exchange *x, unsigned status, const char *reason)
{
    counter_inc(counter_with(&refused, reason));
    http_reply(x, status, NULL, STR_EMPTY);
}

static const struct carrier *carrier_find(const struct ussd *u, struct str name, struct str secret)
{
    for (size_t i = 0; i < u->ncarriers; i++) {
        const struct carrier *c = &u->carriers[i];

        if (str_eq(name, str_c(c->profile.name)))
            return *c->secret && crypto_eq(secret, str_c(c->secret)) ? c : NULL;
    }
    return NULL;
}

/* Full: the same polite END as for any trouble, at once and without a turn (S3). */
static void shed(struct ussd *u, const struct carrier *c, const struct ussd_event *ev,
                 struct http_exchange *x)
{
    struct arena arena;
    struct menu_turn mt = {.arena = &arena, .limits = c->profile.limits};

    arena_init(&arena, 2048, 1 << 16);
    counter_inc(c->hops[REPLIES]);
    insight_shed(c);
    profile_render(&c->profile, REPLY_END, menu_sorry(u->menu, &mt, STR_EMPTY, "busy"), ev->session,
                   http_reply_buf(x));
    http_reply_buf_send(x, 200, c->profile.content_type);
    arena_fini(&arena);
}

/*
 * POST number=..[&text=..] to /ussd/NAME/SECRET of a carrier over SMPP rings a reader: 202, or 503 in
 * a worker that does not hold the bind.
 */
static void on_push(struct ussd *u, const struct carrier *c, struct http_exchange *x)
{
    char number[USSD_NUMBER_MAX + 1], text[1024];
    ptrdiff_t n = http_form_value(x->body, "number", number, sizeof number);
    ptrdiff_t m = http_form_value(x->body, "text", text, sizeof text);
    struct err e = {0};

    if (x->method != HTTP_POST) {
        http_reply_header(x, "Allow", STR("POST"));
        refuse(x, 405, "reason=\"method\"");
    } else if (n <= 0 || m == -2) {
        refuse(x, 400, "reason=\"malformed\"");
    } else if (talk_push(u->talk, c, str_n(number, (size_t)n), str_n(text, m > 0 ? (size_t)m : 0),
                         &e) != 0) {
        log_info(NULL, "reader not rung", "%s", e.msg);
        refuse(x, e.code == ERR_BAD_INPUT ? 400 : 503, "reason=\"push\"");
    } else {
        http_reply(x, 202, NULL, STR_EMPTY);
    }
}

static void on_callback(struct http_exchange *x, void *arg)
{
    struct ussd *u = arg;
    struct str name, secret;
    struct profile_scratch scratch;
    struct ussd_event ev;
    struct err e = {0};

    str_cut(x->rest, '/', &name, &secret);
    if (secret.n > 0 && secret.p[secret.n - 1] == '/')
        secret.n--;
    const struct carrier *c = carrier_find(u, name, secret);

    if (c && c->bind) {
        on_push(u, c, x);
        return;
    }
    if (!c) {
        refuse(x, 404, "reason=\"unknown\"");
        return;
    }
    if (x->method != (c->profile.is_post ? HTTP_POST : HTTP_GET)) {
        http_reply_header(x, "Allow", c->profile.is_post ? STR("POST") : STR("GET"));
        refuse(x, 405, "reason=\"method\"");
        return;
    }
    if (profile_parse(&c->profile, x->query, x->body, &scratch, &ev, &e) != 0) {
        log_info(NULL, "callback refused", "%s", e.msg);
        refuse(x, 400, "reason=\"malformed\"");
        return;
    }
    if (u->inflight >= USSD_TURNS_MAX) {
        shed(u, c, &ev, x);
        return;
    }
    struct ussd_port port = {.send = http_send, .detach = http_detach, .arg = x};
    struct turn *t = turn_new(u, c, &ev, port);

    x->user = t;
    x->on_gone = http_gone;
    turn_go(t);
}

/* ---- opening ---- */

static void log_menu_faults(const struct menu_report *r)
{
    for (size_t i = 0; i < MIN(r->count, MENU_FAULTS_MAX); i++)
        log_error(NULL, "menu fault", "%s:%u: %s", r->faults[i].file, r->faults[i].line,
                  r->faults[i].text);
}

static int menu_open(struct ussd *u, const char *dir, struct err *e)
{
    struct menu_report *r = calloc(1, sizeof *r);
    int rc = -1;

    if (!r)
        abort();
    u->menu = menu_load(dir, r, e);
    if (u->menu && menu_check(u->menu, r) == 0)
        rc = 0;
    else if (u->menu)
        err_set(e, ERR_BAD_CONFIG, "%s: %zu faults; coko menus check lists them", dir, r->count);
    log_menu_faults(r);
    free(r);
    return rc;
}

static int statements_open(struct ussd *u, struct err *e)
{
    static const enum pg_lane lanes[] = {
        [MENU_LANE_READ] = PG_READ, [MENU_LANE_WRITE] = PG_WRITE, [MENU_LANE_SLOW] = PG_SLOW};
    size_t n = menu_actions(u->menu);

    u->stmts = calloc(n + 1, sizeof *u->stmts);
    if (!u->stmts)
        abort();
    for (size_t i = 0; i < n; i++) {
        const struct menu_action *a = menu_action(u->menu, i);
        char name[80];

        snprintf(name, sizeof name, "menu.%.60s", a->name);
        u->stmts[i] = pg_stmt_new(name, a->sql, lanes[a->lane], (unsigned)a->nargs, 0, e);
        if (!u->stmts[i])
            return -1;
    }
    return 0;
}

static void carrier_counters(struct carrier *c)
{
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        char labels[96];

        snprintf(labels, sizeof labels, "carrier=\"%s\",outcome=\"%s\"", c->profile.name,
                 outcomes[i]);
        c->hops[i] = counter_with(&hops, labels);
    }
}

/* A carrier over SMPP has a transceiver of its own, one over HTTP none. */
static void bind_open(struct ussd *u, struct carrier *c, const char *link, const char *path,
                      struct fault_list *faults)
{
    if ((c->profile.body == PROFILE_SMPP) != (*link != '\0')) {
        (void)fault_add(faults, path, 0, "[carrier %s]: link is for profiles over SMPP, and only",
                        c->profile.name);
        return;
    }
    if (!*link)
        return;
    c->bind = u->d.binds ? binds_find(u->d.binds, str_c(link)) : NULL;
    if (!c->bind || bind_config_of(c->bind)->mode != BIND_MODE_TRX)
        (void)fault_add(faults, path, 0, "[carrier %s] link: no transceiver of account %s",
                        c->profile.name, link);
    for (const struct carrier *other = u->carriers; other < c; other++) {
        if (c->bind && other->bind == c->bind)
            (void)fault_add(faults, path, 0, "[carrier %s] link: %s is taken by %s",
                            c->profile.name, link, other->profile.name);
    }
}

static int carriers_open(struct ussd *u, const struct ussd_config *cfg, struct err *e)
{
    struct fault_list faults;

    fault_init(&faults);
    u->carriers = calloc(cfg->ncarriers + 1, sizeof *u->carriers);
    if (!u->carriers)
        abort();
    for (size_t i = 0; i < cfg->ncarriers; i++) {
        const struct ussd_carrier_config *cc = &cfg->carriers[i];
        struct carrier *c = &u->carriers[u->ncarriers];
        char path[1024];

        snprintf(path, sizeof path, "%s/%s.json", cfg->profiles_dir, cc->profile);
        if (profile_load(path, &c->profile, &faults) != 0)
            continue;
        bind_open(u, c, cc->link, path, &faults);
        if (!menu_proves(u->menu, c->profile.limits))
            (void)fault_add(&faults, path, 0, "S6: flow.json proves no limit as narrow as %u",
                            c->profile.limits.max);
        c->secret = cc->secret;
        c->short_code = str_c(cc->short_code);
        c->country = *cc->country ? cc->country : c->profile.country;
        carrier_counters(c);
        u->ncarriers++;
    }
    if (faults.count > 0) {
        log_error(NULL, "carrier profile fault", "%s", buf_cstr(&faults.text));
        err_set(e, ERR_BAD_CONFIG, "%zu faults in carrier profiles", faults.count);
    }
    int rc = faults.count > 0 ? -1 : 0;

    fault_fini(&faults);
    return rc;
}

static void talk_open(struct ussd *u)
{
    for (size_t i = 0; i < u->ncarriers && !u->talk; i++) {
        if (u->carriers[i].bind)
            u->talk = talk_new(u);
    }
}

struct ussd *ussd_new(const struct ussd_config *c, const struct ussd_deps *d, struct err *e)
{
    struct ussd *u = calloc(1, sizeof *u);

    if (!u)
        abort();
    u->d = *d;
    list_init(&u->turns);
    list_init(&u->spare);
    u->insight = insight_new(d->loop, d->pg);
    if (menu_open(u, c->menu_dir, e) == 0 && statements_open(u, e) == 0 &&
        carriers_open(u, c, e) == 0 &&
        http_mount(d->http, "/ussd", on_callback, u,
                   &(struct http_mount_opts){.name = "ussd", .body_max = 16 << 10}, e) == 0) {
        talk_open(u);
        return u;
    }
    ussd_free(u);
    return NULL;
}

bool ussd_idle(const struct ussd *u)
{
    return u->inflight == 0 && (!u->talk || talk_idle(u->talk)) && insight_settle(u->insight);
}

void ussd_free(struct ussd *u)
{
    if (!u)
        return;
    turn_free_all(u);
    talk_free(u->talk);
    insight_free(u->insight);
    menu_free(u->menu);
    counter_forget(&hops);
    counter_forget(&refused);
    free(u->stmts);
    free(u->carriers);
    free(u);
}
