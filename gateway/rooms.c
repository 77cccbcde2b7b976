/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rooms a worker lets in, and with what in their hands.
 */
#include "gateway/app_parts.h"

#include <stdio.h>

#include "gateway/io/listener.h"

/* ---- the binds, which USSD and SMS share ---- */

static int binds_open(struct app *a, struct err *e)
{
    struct binds_config c = {.links = a->cfg->links, .nlinks = a->cfg->nlinks, .owner = a->owner};
    struct binds_deps d = {.loop = a->loop, .pg = a->pg};

    a->binds = binds_new(&c, &d, e);
    return a->binds ? 0 : -1;
}

static void binds_close(struct app *a)
{
    binds_free(a->binds);
}

/* ---- USSD ---- */

/* Typed rail codes, from the dialogue to the rail in one process (S5); rooms do not know each other. */
static void code_take(void *arg, struct op *op, const struct ussd_code *c)
{
    const struct app *a = arg;

    money_code(a->money, op,
               &(struct money_code){.user = c->user, .step = c->step, .code = c->code});
}

static int ussd_open(struct app *a, struct err *e)
{
    char menus[1024], profiles[1024];
    struct ussd_config c = {.menu_dir = menus,
                            .profiles_dir = profiles,
                            .own_profiles = a->cfg->core.profiles_dir,
                            .carriers = a->cfg->carriers,
                            .ncarriers = a->cfg->ncarriers,
                            .owner = a->owner};
    struct ussd_deps d = {.loop = a->loop,
                          .pg = a->pg,
                          .redis = a->redis,
                          .ring = a->ring,
                          .http = a->http,
                          .binds = a->binds,
                          .client = a->client,
                          .code = {.take = code_take, .arg = a}};

    snprintf(menus, sizeof menus, "%s/menus/coko", a->cfg->core.data_dir);
    snprintf(profiles, sizeof profiles, "%s/gateway/ussd/profiles", a->cfg->core.data_dir);
    a->ussd = ussd_new(&c, &d, e);
    return a->ussd ? 0 : -1;
}

static void ussd_fresh(struct app *a, const struct config *fresh)
{
    (void)fresh; /* the menus have files of their own */
    ussd_reload(a->ussd);
}

static void ussd_stop(struct app *a)
{
    ussd_drain(a->ussd);
}

static bool ussd_is_idle(const struct app *a)
{
    return ussd_idle(a->ussd);
}

static void ussd_close(struct app *a)
{
    ussd_free(a->ussd);
}

/* ---- SMS: the outbox; the last room of the binds starts them ---- */

static int sms_open(struct app *a, struct err *e)
{
    struct sms_config sc = {.owner = a->owner, .esmes = *a->cfg->smpp_server.listen != '\0'};
    struct sms_deps sd = {.loop = a->loop, .pg = a->pg, .ring = a->ring, .binds = a->binds};

    a->sms = sms_new(&sc, &sd, e);
    if (!a->sms)
        return -1;
    binds_start(a->binds);
    return 0;
}

static void sms_reload(struct app *a, const struct config *fresh)
{
    binds_reload(a->binds, fresh->links, fresh->nlinks);
}

static void sms_stop(struct app *a)
{
    sms_drain(a->sms);
    binds_drain(a->binds);
}

static bool sms_is_idle(const struct app *a)
{
    return sms_idle(a->sms) && binds_idle(a->binds);
}

static void sms_close(struct app *a)
{
    sms_free(a->sms);
}

/* ---- ESMEs: others bind to us ---- */

static int esme_open(struct app *a, struct err *e)
{
    struct esme_room_config c = {.server = &a->cfg->smpp_server,
                                 .esmes = a->cfg->esmes,
                                 .nesmes = a->cfg->nesmes,
                                 .owner = a->owner,
                                 .instance = a->cfg->core.instance};
    struct esme_deps d = {
        .loop = a->loop, .pg = a->pg, .ring = a->ring, .binds = a->binds, .listen = listener_open};

    a->esme = esme_new(&c, &d, e);
    return a->esme ? 0 : -1;
}

static void esme_fresh(struct app *a, const struct config *fresh)
{
    esme_reload(a->esme, &fresh->smpp_server, fresh->esmes, fresh->nesmes);
}

static void esme_leave(struct app *a)
{
    esme_drain(a->esme);
}

static bool esme_is_idle(const struct app *a)
{
    return esme_idle(a->esme);
}

static void esme_close(struct app *a)
{
    esme_free(a->esme);
}

/* ---- REST ---- */

static int api_open(struct app *a, struct err *e)
{
    char routes[1024];
    struct api_config c = a->cfg->api;
    struct api_deps d = {.loop = a->loop, .pg = a->pg, .http = a->http, .ring = a->ring};

    snprintf(routes, sizeof routes, "%s/api/routes", a->cfg->core.data_dir);
    c.routes_dir = routes;
    a->api = api_new(&c, &d, e);
    return a->api ? 0 : -1;
}

static bool api_is_idle(const struct app *a)
{
    return api_idle(a->api);
}

static void api_close(struct app *a)
{
    api_free(a->api);
}

/* ---- money ---- */

static int money_open(struct app *a, struct err *e)
{
    struct money_config c = {.owner = a->owner, .rails = (const void *const *)a->cfg->rails};
    struct money_deps d = {.loop = a->loop, .pg = a->pg, .client = a->client, .ring = a->ring};

    a->money = money_new(&c, &d, e);
    if (!a->money)
        return -1;
    if (a->cfg->roles & ROLE_WORKER)
        money_start(a->money);
    return a->cfg->roles & ROLE_GATEWAY ? money_mount(a->money, a->http, e) : 0;
}

static void money_stop(struct app *a)
{
    money_drain(a->money);
}

static bool money_is_idle(const struct app *a)
{
    return money_idle(a->money);
}

static void money_close(struct app *a)
{
    money_free(a->money);
}

/* ---- jobs ---- */

static int jobs_open(struct app *a, struct err *e)
{
    struct jobs_config c = {.owner = a->owner,
                            .concurrency = (unsigned)a->cfg->core.job_concurrency,
                            .worker = (a->cfg->roles & ROLE_WORKER) != 0,
                            .scheduler = (a->cfg->roles & ROLE_SCHEDULER) != 0,
                            .ring = a->ring};

    (void)e;
    a->jobs = jobs_new(a->loop, a->pg, &c);
    jobs_start(a->jobs);
    return 0;
}

static void jobs_stop(struct app *a)
{
    jobs_drain(a->jobs);
}

static bool jobs_are_idle(const struct app *a)
{
    return jobs_idle(a->jobs);
}

static void jobs_close(struct app *a)
{
    jobs_free(a->jobs);
}

/* ---- the browser phone, in a sandbox ---- */

static int phone_open(struct app *a, struct err *e)
{
    char dir[1024], profiles[1024];
    struct phone_page_config c = {.dir = dir,
                                  .sms_url = a->cfg->core.sandbox_sms_url,
                                  .profiles_dir = profiles,
                                  .own_profiles = a->cfg->core.profiles_dir,
                                  .carriers = a->cfg->carriers,
                                  .ncarriers = a->cfg->ncarriers};

    if (!a->cfg->core.sandbox)
        return 0;
    snprintf(dir, sizeof dir, "%s/deploy/phone", a->cfg->core.data_dir);
    snprintf(profiles, sizeof profiles, "%s/gateway/ussd/profiles", a->cfg->core.data_dir);
    a->phone = phone_page_new(&c, e);
    return a->phone ? phone_page_mount(a->phone, a->http, e) : -1;
}

static void phone_close(struct app *a)
{
    phone_page_free(a->phone);
}

const struct room rooms[] = {
    {.name = "binds", .roles = ROLE_GATEWAY, .open = binds_open, .close = binds_close},
    {.name = "ussd",
     .roles = ROLE_GATEWAY,
     .open = ussd_open,
     .reload = ussd_fresh,
     .drain = ussd_stop,
     .idle = ussd_is_idle,
     .close = ussd_close},
    {.name = "sms",
     .roles = ROLE_GATEWAY,
     .open = sms_open,
     .reload = sms_reload,
     .drain = sms_stop,
     .idle = sms_is_idle,
     .close = sms_close},
    {.name = "esme",
     .roles = ROLE_GATEWAY,
     .open = esme_open,
     .reload = esme_fresh,
     .drain = esme_leave,
     .idle = esme_is_idle,
     .close = esme_close},
    {.name = "api", .roles = ROLE_API, .open = api_open, .idle = api_is_idle, .close = api_close},
    {.name = "money",
     .roles = ROLE_GATEWAY | ROLE_WORKER,
     .open = money_open,
     .drain = money_stop,
     .idle = money_is_idle,
     .close = money_close},
    {.name = "jobs",
     .roles = ROLE_WORKER | ROLE_SCHEDULER,
     .open = jobs_open,
     .drain = jobs_stop,
     .idle = jobs_are_idle,
     .close = jobs_close},
    {.name = "phone", .roles = ROLE_API, .open = phone_open, .close = phone_close},
    {.name = NULL},
};
