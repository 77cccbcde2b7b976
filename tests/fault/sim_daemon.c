/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemons: two machines that race for the same rows, each with a session of its own. A crash
 * drops everything a machine held in memory; what it had sent goes on without it. A pause is a
 * process that sleeps over its leases and wakes up with a claim of the past.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/lib/ini.h"
#include "tests/fault/sim.h"

#define RESTART_US SIM_SECOND

static const char config_text[] = "[mtn_momo]\n"
                                  "base_url = https://rail.test\n"
                                  "target_environment = mtnivorycoast\n"
                                  "user_id = 11111111-2222-4333-8444-555555555555\n"
                                  "api_key = secret-api-key\n"
                                  "subscription_key = secret-subscription\n"
                                  "disbursement_user_id = 22222222-3333-4444-8555-666666666666\n"
                                  "disbursement_api_key = secret-giving-key\n"
                                  "disbursement_key = secret-giving\n"
                                  "callback_url = https://us.test/pay/mtn_momo\n"
                                  "callback_secret = secret-callback-0001\n";

static struct daemon {
    char owner[16];
    struct money *m; /* NULL: it is dead */
    int64_t awake_at;
    bool restarting;
} daemons[SIM_DAEMONS];

static struct ini ini;
static struct arena arena;
static struct seal_ring *ring;
static void *rails[RAIL_MODULES_MAX];

static const char *no_env(void *ctx, const char *variable)
{
    (void)ctx;
    (void)variable;
    return NULL;
}

void sim_daemons_open(void)
{
    static const char key[] = "1:0101010101010101010101010101010101010101010101010101010101010101";
    struct fault_list faults;
    struct err e = {0};
    bool bad;

    fault_init(&faults);
    arena_init(&arena, 4096, 1 << 20);
    bad = ini_parse(&ini, "sim.ini", str_c(config_text), &faults) != 0 ||
          seal_ring_new(str_c(key), &ring, &e) != 0;
    struct option_source src = {.ini = &ini, .arena = &arena, .faults = &faults, .env_get = no_env};

    if (bad || rail_modules_load(&src, rails) != 0) {
        fprintf(stderr, "money_sim: %.*s%s\n", (int)faults.text.len, faults.text.p, e.msg);
        exit(2);
    }
    fault_fini(&faults);
    sim.ring = ring;
}

void sim_daemons_close(void)
{
    seal_ring_free(ring);
    arena_fini(&arena);
    ini_fini(&ini);
}

static void start(int i)
{
    struct daemon *d = &daemons[i];
    struct money_config c = {.owner = d->owner, .rails = (const void *const *)rails};
    struct money_deps deps = {
        .loop = sim_loop_of(i), .pg = sim_pg_of(i), .client = sim_client_of(i), .ring = sim.ring};
    struct err e = {0};

    snprintf(d->owner, sizeof d->owner, "sim:%d", i);
    d->awake_at = 0;
    d->m = money_new(&c, &deps, &e);
    if (!d->m) {
        fprintf(stderr, "money_sim: %s\n", e.msg);
        exit(2);
    }
    money_start(d->m);
    sim_say("daemon %d lives", i);
}

void sim_daemons_start(void)
{
    for (int i = 0; i < SIM_DAEMONS; i++)
        start(i);
}

static void stop(int i)
{
    money_free(daemons[i].m);
    daemons[i].m = NULL;
    sim_pg_crashed(i);
    sim_http_crashed(i);
}

void sim_daemons_stop(void)
{
    for (int i = 0; i < SIM_DAEMONS; i++) {
        stop(i);
        daemons[i].restarting = false;
    }
}

static void on_restart(void *arg)
{
    struct daemon *d = arg;

    if (sim.over || !d->restarting)
        return;
    d->restarting = false;
    start((int)(d - daemons));
}

void sim_daemon_crash(int i)
{
    if (!daemons[i].m)
        return;
    sim_say("daemon %d dies", i);
    stop(i);
    daemons[i].restarting = true;
    sim_at(sim.now + (sim.calm ? RESTART_US : sim_span(RESTART_US, 2 * SIM_MINUTE)), SIM_WORLD,
           on_restart, &daemons[i]);
}

struct money *sim_daemon_money(int i)
{
    return daemons[i].awake_at > sim.now ? NULL : daemons[i].m;
}

int64_t sim_daemon_awake_at(int i)
{
    if (daemons[i].m && daemons[i].awake_at <= sim.now && sim_fault(FAULT_PAUSE)) {
        daemons[i].awake_at = sim.now + sim_span(SIM_SECOND, 5 * SIM_MINUTE);
        sim_say("daemon %d sleeps", i);
    }
    return sim.calm ? 0 : daemons[i].awake_at;
}

bool sim_is_claim(const struct loop_timer *t)
{
    for (int i = 0; i < SIM_DAEMONS; i++) {
        if (daemons[i].m && t == &daemons[i].m->poll)
            return true;
    }
    return false;
}

bool sim_is_match(const struct loop_timer *t)
{
    for (int i = 0; i < SIM_DAEMONS; i++) {
        if (daemons[i].m && t == &daemons[i].m->match_timer)
            return true;
    }
    return false;
}
