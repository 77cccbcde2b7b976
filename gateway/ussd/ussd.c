/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The USSD room: loads menus and carriers, and mounts /ussd, which callback.c answers.
 */
#include "gateway/ussd/ussd.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"
#include "gateway/ussd/callback.h"
#include "gateway/ussd/insight.h"
#include "gateway/ussd/post.h"
#include "gateway/ussd/ring.h"
#include "gateway/ussd/talk.h"
#include "gateway/ussd/whose.h"

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
    {"carrier", "url", OPTION_STRING, CARRIER(url), .def = "",
     .help = "The callback address as the carrier sees it, where its pages hold links: "
             "https://host/ussd/NAME/SECRET; empty: the path alone"},
    {"carrier", "networks", OPTION_STRING, CARRIER(networks), .def = "",
     .help = "Callbacks come from these only: 192.0.2.0/24, 2001:db8::1; empty: from anywhere. "
             "Behind a proxy of http.trusted_proxies the address it forwards counts"},
    {"carrier", "user", OPTION_SECRET, CARRIER(user), .def = "",
     .help = "What each callback brings where the profile has the field \"user\": our app id, or "
             "the carrier's shared user name"},
    {"carrier", "password", OPTION_SECRET, CARRIER(password), .def = "",
     .help = "The same for the field \"password\""},
    {"carrier", "client_subject", OPTION_STRING, CARRIER(client_subject), .def = "",
     .help = "Subject of the carrier's TLS certificate, as a trusted proxy passes it on"},
    {"carrier", "client_header", OPTION_STRING, CARRIER(client_header), .def = "X-SSL-Client-S-DN",
     .min = 1, .max = 63, .help = "The header in which it does"},
    {"carrier", "send_url", OPTION_STRING, CARRIER(send_url), .def = "",
     .help = "Of a carrier that is answered, or whose readers are rung, by a call of ours: the "
             "address of its gateway"},
    {"carrier", "send_user", OPTION_STRING, CARRIER(send_user), .def = "",
     .help = "Our name there"},
    {"carrier", "send_password", OPTION_SECRET, CARRIER(send_password), .def = "",
     .help = "Our password there"},
    {"carrier", "token_url", OPTION_STRING, CARRIER(token_url), .def = "", .max = 512,
     .help = "Where the bearer token of a push is had by client credentials, where the carrier "
             "wants one: https://api.mtn.com/v1/oauth/access_token. Empty: none"},
    {"carrier", "client_id", OPTION_STRING, CARRIER(client_id), .def = "", .max = 256,
     .help = "Our name there"},
    {"carrier", "client_secret", OPTION_SECRET, CARRIER(client_secret), .def = "",
     .help = "Our secret there"},
    {"carrier", "rate", OPTION_INT, CARRIER(rate), .def = "0", .min = 0, .max = 100000,
     .help = "Callbacks a second that a worker takes; beyond it a polite last screen. 0: no limit"},
    {"carrier", "ring_most", OPTION_INT, CARRIER(ring_most), .def = "0", .min = 0, .max = 64,
     .help = "Readers that a worker rings at once where the carrier lets us begin: a pass that is "
             "active, one that ends, POST to /ussd/NAME/SECRET/ring. 0: none"},
};
const size_t ussd_carrier_options_count = ARRAY_LEN(ussd_carrier_options);

static struct counter hops = COUNTER("coko_ussd_hops_total", "Callbacks answered");

static const char *const outcomes[] = {"continue", "end", "silent", "failed"};

/* ---- opening ---- */

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

/* Profiles of this deployment come before those we ship. */
static void profile_path(const struct ussd_config *cfg, const char *name, char *out, size_t cap)
{
    snprintf(out, cap, "%s/%s.json", cfg->own_profiles ? cfg->own_profiles : "", name);
    if (!cfg->own_profiles || !*cfg->own_profiles || access(out, F_OK) != 0)
        snprintf(out, cap, "%s/%s.json", cfg->profiles_dir, name);
}

static bool url_plain(const char *url)
{
    return url[strspn(url,
                      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/._~-")] ==
           '\0';
}

static void url_open(struct carrier *c, const char *url, const char *path,
                     struct fault_list *faults)
{
    int n = *url ? snprintf(c->url, sizeof c->url, "%s", url)
                 : snprintf(c->url, sizeof c->url, "/ussd/%s/%s", c->profile.name, c->secret);

    if ((size_t)n >= sizeof c->url || !url_plain(url))
        (void)fault_add(faults, path, 0, "[carrier %s] url: at most %zu letters, digits and :/._~-",
                        c->profile.name, sizeof c->url - 1);
}

/* Ringing is the carrier's to offer; where it is a call of ours, it needs the address. */
static void ring_open(struct carrier *c, const struct ussd_carrier_config *cc, const char *path,
                      struct fault_list *faults)
{
    bool posts = c->profile.pushes && !c->bind;

    c->ring_most = (unsigned)cc->ring_most;
    if (c->ring_most > 0 && !c->profile.pushes)
        (void)fault_add(faults, path, 0, "[carrier %s] ring_most: the profile has no \"push\"",
                        c->profile.name);
    if (*c->send_url ? !c->profile.asynchronous && !posts
                     : c->profile.asynchronous || (posts && c->ring_most > 0))
        (void)fault_add(faults, path, 0,
                        "[carrier %s] send_url: for carriers that are answered or rung by a call, "
                        "and only",
                        c->profile.name);
}

/* All three or none, and only where a push takes what they bring. */
static void token_open(struct carrier *c, const struct ussd_carrier_config *cc, const char *path,
                       struct fault_list *faults)
{
    bool any = *cc->token_url || *cc->client_id || *cc->client_secret;
    bool all = *cc->token_url && *cc->client_id && *cc->client_secret;

    c->token_url = cc->token_url;
    c->client_id = cc->client_id;
    c->client_secret = cc->client_secret;
    if (any && (!all || !profile_push_bears(&c->profile)))
        (void)fault_add(faults, path, 0,
                        "[carrier %s] token_url, client_id, client_secret: all three, and only "
                        "where the profile's \"push\" holds $token",
                        c->profile.name);
    if (*c->token_url && strncmp(c->token_url, "https://", 8) != 0 &&
        strncmp(c->token_url, "http://", 7) != 0)
        (void)fault_add(faults, path, 0, "[carrier %s] token_url: an address with its https://",
                        c->profile.name);
}

static bool asks(const struct carrier *c, enum profile_field f)
{
    return c->profile.fields[f].n > 0;
}

/* Who may call: what is configured must be something that the carrier really sends. */
static void access_open(struct carrier *c, const struct ussd_carrier_config *cc, const char *path,
                        struct fault_list *faults)
{
    struct err e = {0};

    c->secret = cc->secret;
    c->user = cc->user;
    c->password = cc->password;
    c->subject = cc->client_subject;
    c->send_url = cc->send_url;
    c->send_user = cc->send_user;
    c->send_password = cc->send_password;
    ring_open(c, cc, path, faults);
    token_open(c, cc, path, faults);
    for (size_t i = 0; cc->client_header[i] && i + 1 < sizeof c->subject_header; i++)
        c->subject_header[i] = (char)tolower((unsigned char)cc->client_header[i]);
    if (*cc->networks && nets_new(cc->networks, &c->nets, &e) != 0)
        (void)fault_add(faults, path, 0, "[carrier %s] networks: %s", c->profile.name, e.msg);
    if ((*c->user && !asks(c, FIELD_USER)) || (*c->password && !asks(c, FIELD_PASSWORD)))
        (void)fault_add(faults, path, 0,
                        "[carrier %s] user, password: the profile has no such field",
                        c->profile.name);
    rate_init(&c->rate, (uint32_t)cc->rate, 0, clock_mono_us() / 1000);
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

        profile_path(cfg, cc->profile, path, sizeof path);
        if (profile_load(path, &c->profile, &faults) != 0)
            continue;
        bind_open(u, c, cc->link, path, &faults);
        if (!menu_proves(u->menus.generations[0]->menu, c->profile.limits))
            (void)fault_add(&faults, path, 0, "S6: flow.json proves no limit as narrow as %u",
                            c->profile.limits.max);
        access_open(c, cc, path, &faults);
        url_open(c, cc->url, path, &faults);
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

static void ports_open(struct ussd *u)
{
    for (size_t i = 0; i < u->ncarriers; i++) {
        if (u->carriers[i].bind && !u->talk)
            u->talk = talk_new(u);
        if (u->carriers[i].profile.asynchronous && !u->post)
            u->post = post_new(u);
        if (u->carriers[i].ring_most > 0 && !u->ring)
            u->ring = ring_new(u);
        if (u->carriers[i].profile.bare_notices && !u->whose)
            u->whose = whose_new(u);
    }
}

struct ussd *ussd_new(const struct ussd_config *c, const struct ussd_deps *d, struct err *e)
{
    struct ussd *u = calloc(1, sizeof *u);

    if (!u)
        abort();
    u->d = *d;
    u->owner = c->owner;
    list_init(&u->turns);
    list_init(&u->spare);
    u->insight = insight_new(d->loop, d->pg);
    if (menus_open(&u->menus, c->menu_dir, e) == 0 && carriers_open(u, c, e) == 0 &&
        http_mount(d->http, "/ussd", callback_handle, u,
                   &(struct http_mount_opts){.name = "ussd", .body_max = 16 << 10}, e) == 0) {
        ports_open(u);
        return u;
    }
    ussd_free(u);
    return NULL;
}

/* S6 holds for the carriers in service or the menu is not taken. */
static int proves_all(void *arg, const struct menu *m, struct err *e)
{
    const struct ussd *u = arg;

    for (size_t i = 0; i < u->ncarriers; i++) {
        const struct profile *p = &u->carriers[i].profile;

        if (!menu_proves(m, p->limits))
            return err_set(e, ERR_BAD_CONFIG, "S6: no limit as narrow as %u, carrier %s",
                           p->limits.max, p->name);
    }
    return 0;
}

void ussd_reload(struct ussd *u)
{
    struct err e = {0};

    (void)!menus_reload(&u->menus, proves_all, u, loop_now_ms(u->d.loop), &e);
}

void ussd_drain(struct ussd *u)
{
    ring_drain(u->ring);
}

bool ussd_idle(const struct ussd *u)
{
    return u->inflight == 0 && ring_idle(u->ring) && (!u->talk || talk_idle(u->talk)) &&
           (!u->post || post_idle(u->post)) && (!u->whose || whose_idle(u->whose)) &&
           insight_settle(u->insight);
}

void ussd_free(struct ussd *u)
{
    if (!u)
        return;
    whose_free(u->whose);
    ring_free(u->ring);
    u->ring = NULL; /* what the talk still holds tells nobody */
    turn_free_all(u);
    talk_free(u->talk);
    insight_free(u->insight);
    post_free(u->post);
    menus_close(&u->menus);
    counter_forget(&hops);
    callback_forget();
    turn_forget();
    for (size_t i = 0; i < u->ncarriers; i++)
        nets_free(u->carriers[i].nets);
    free(u->carriers);
    free(u);
}
