/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rooms a worker lets in, and with what in their hands.
 */
#include "gateway/app_parts.h"

#include <stdio.h>

#define JOBS_DEFAULT 4

/* ---- USSD ---- */

static int ussd_open(struct app *a, struct err *e)
{
    char menus[1024], profiles[1024];
    struct ussd_config c = {.menu_dir = menus,
                            .profiles_dir = profiles,
                            .carriers = a->cfg->carriers,
                            .ncarriers = a->cfg->ncarriers};
    struct ussd_deps d = {
        .loop = a->loop, .pg = a->pg, .redis = a->redis, .ring = a->ring, .http = a->http};

    snprintf(menus, sizeof menus, "%s/menus/coko", a->cfg->core.data_dir);
    snprintf(profiles, sizeof profiles, "%s/gateway/ussd/profiles", a->cfg->core.data_dir);
    a->ussd = ussd_new(&c, &d, e);
    return a->ussd ? 0 : -1;
}

static bool ussd_is_idle(const struct app *a)
{
    return ussd_idle(a->ussd);
}

static void ussd_close(struct app *a)
{
    ussd_free(a->ussd);
}

/* ---- jobs ---- */

static int jobs_open(struct app *a, struct err *e)
{
    struct jobs_config c = {.owner = a->owner,
                            .concurrency = JOBS_DEFAULT,
                            .worker = (a->cfg->roles & ROLE_WORKER) != 0,
                            .scheduler = (a->cfg->roles & ROLE_SCHEDULER) != 0};

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

const struct room rooms[] = {
    {.name = "ussd",
     .roles = ROLE_GATEWAY,
     .open = ussd_open,
     .idle = ussd_is_idle,
     .close = ussd_close},
    {.name = "jobs",
     .roles = ROLE_WORKER | ROLE_SCHEDULER,
     .open = jobs_open,
     .drain = jobs_stop,
     .idle = jobs_are_idle,
     .close = jobs_close},
    {.name = NULL},
};
