/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People. Readers dial, confirm, dial again while a payment waits, pay anew after the warning, buy the
 * next period, let a relative pay; two persons give money back, or one tries to alone. Each act is a
 * function of the schema, as the menu and the operator's commands call it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/sim.h"

#define READERS_MAX 4

static const char dial_sql[] =
    "select identity_id, user_id from auth.dial($1::bytea, $2::bytea, 1, 'CI', 'mtn', '')";
static const char offer_sql[] =
    "select o.plan_id, o.price_id from billing.offers($1::bigint, 'fr') o"
    " join billing.plan p on p.id = o.plan_id where p.code = $2";
static const char start_sql[] =
    "select outcome, charge_id, our_ref from billing.start_charge($1::bigint, $2::bigint,"
    " $3::bigint, $4::bigint, $5, 'Pass: prix, periode', 'ussd')";
static const char supersede_sql[] =
    "select outcome, charge_id from billing.supersede_charge($1::bigint, $2)";
static const char settled_sql[] =
    "select id from billing.charge where user_id = any($1::bigint[]) and settlement is not null"
    " order by id offset $2::int limit 1";
static const char request_sql[] =
    "select outcome, refund_id from billing.refund_request($1::bigint, $2::bigint, 'sim', 'awa')";
static const char approve_sql[] = "select outcome from billing.refund_approve($1::bigint, $2)";
static const char refuse_sql[] = "select outcome from billing.refund_refuse($1::bigint, 'awa')";

static struct reader {
    char user[24], identity[24];
    char digits[16];
} readers[READERS_MAX];
static size_t nreaders;
static char users[128];
static unsigned steps;

struct refund_case {
    char id[24];
    const char *who;
};

const char *sim_world_users(void)
{
    return users;
}

const char *sim_world_number(size_t i)
{
    return i < nreaders ? readers[i].digits : NULL;
}

/* ---- readers ---- */

static void hex_param(char *out, size_t cap, const void *bytes, size_t n)
{
    size_t at = (size_t)snprintf(out, cap, "\\x");

    for (size_t i = 0; i < n && at + 3 < cap; i++)
        at += (size_t)snprintf(out + at, cap - at, "%02x", ((const unsigned char *)bytes)[i]);
}

static void reader_new(struct reader *r)
{
    uint8_t lookup[32];
    char lookup_hex[80], sealed_hex[256];
    struct buf sealed;
    PGresult *res;

    snprintf(r->digits, sizeof r->digits, "22505%08llu",
             (unsigned long long)((sim.play * READERS_MAX + (uint64_t)(r - readers)) % 100000000));
    seal_lookup(sim.ring, STR("phone"), str_c(r->digits), lookup);
    buf_init(&sealed, 256);
    seal_close(sim.ring, STR("auth.identity"), str_c(r->digits), &sealed);
    hex_param(lookup_hex, sizeof lookup_hex, lookup, sizeof lookup);
    hex_param(sealed_hex, sizeof sealed_hex, sealed.p, sealed.len);
    buf_fini(&sealed);
    res = sim_db_run(&sim_world_db, "dial", dial_sql, 2, lookup_hex, sealed_hex);
    if (!res || PQntuples(res) != 1) {
        fprintf(stderr, "money_sim: a reader cannot dial\n");
        exit(2);
    }
    snprintf(r->identity, sizeof r->identity, "%s", PQgetvalue(res, 0, 0));
    snprintf(r->user, sizeof r->user, "%s", PQgetvalue(res, 0, 1));
    PQclear(res);
}

/* ---- buying ---- */

/* One confirm screen. The outcome, "" when the hop failed. */
static const char *confirm(struct reader *r, struct reader *payer, const char *plan, unsigned step)
{
    static char outcome[24];
    char key[32];
    PGresult *offer = sim_db_run(&sim_world_db, "offer", offer_sql, 2, r->user, plan);
    PGresult *res = NULL;

    snprintf(outcome, sizeof outcome, "%s", "");
    snprintf(key, sizeof key, "s%llu-%u", (unsigned long long)sim.play, step);
    if (offer && PQntuples(offer) == 1)
        res = sim_db_run(&sim_world_db, "start_charge", start_sql, 5, r->user, payer->identity,
                         PQgetvalue(offer, 0, 0), PQgetvalue(offer, 0, 1), key);
    PQclear(offer);
    if (!res)
        return outcome;
    snprintf(outcome, sizeof outcome, "%s", PQgetvalue(res, 0, 0));
    sim_say("reader %s confirms %s: %s, charge %s", r->user, plan, outcome, PQgetvalue(res, 0, 1));
    PQclear(res);
    if (strcmp(outcome, "created") != 0 && strcmp(outcome, "pending") != 0 &&
        strcmp(outcome, "active") != 0 && strcmp(outcome, "paid") != 0)
        sim_violation("start", "a confirmation ended %s", outcome);
    if (strcmp(outcome, "created") == 0)
        sim_wake(MONEY_CHARGE_TOPIC);
    return outcome;
}

static bool supersede(struct reader *r)
{
    char key[32];
    bool ok = false;
    PGresult *res;

    snprintf(key, sizeof key, "x%llu-%u", (unsigned long long)sim.play, ++steps);
    res = sim_db_run(&sim_world_db, "supersede", supersede_sql, 2, r->user, key);
    if (res) {
        ok = strcmp(PQgetvalue(res, 0, 0), "ok") == 0;
        sim_say("reader %s supersedes: %s", r->user, PQgetvalue(res, 0, 0));
    }
    PQclear(res);
    return ok;
}

/* A dial that ends on the confirm screen, pressed once or twice, the step repeated or not. */
static void on_buy(void *arg)
{
    static const char *const plans[] = {"day", "day", "week"};
    struct reader *r = arg;
    struct reader *payer = sim_chance(80) ? &readers[sim_below(nreaders)] : r;
    const char *plan = plans[sim_below(ARRAY_LEN(plans))];
    unsigned step = ++steps;
    const char *outcome;

    if (sim.over)
        return;
    outcome = confirm(r, payer, plan, step);
    if (sim_chance(150)) /* the carrier repeats the hop (S2) */
        outcome = confirm(r, payer, plan, step);
    else if (sim_chance(150)) /* a second press, a second phone (I1) */
        outcome = confirm(r, r, plan, ++steps);
    if (strcmp(outcome, "pending") == 0 && sim_chance(600) && supersede(r))
        confirm(r, r, plan, ++steps);
}

/* ---- giving back ---- */

static void on_decide(void *arg)
{
    struct refund_case *c = arg;
    PGresult *res = NULL;

    if (!sim.over && strcmp(c->who, "refuse") == 0)
        res = sim_db_run(&sim_world_db, "refund_refuse", refuse_sql, 1, c->id);
    else if (!sim.over)
        res = sim_db_run(&sim_world_db, "refund_approve", approve_sql, 2, c->id, c->who);
    if (res) {
        sim_say("refund %s, %s: %s", c->id, c->who, PQgetvalue(res, 0, 0));
        if (strcmp(c->who, "awa") == 0 && strcmp(PQgetvalue(res, 0, 0), "ok") == 0)
            sim_violation("refund", "refund %s was approved by who asked for it", c->id);
        sim_wake(MONEY_CHARGE_TOPIC);
    }
    PQclear(res);
    free(c);
}

static void decide(const char *id, const char *who, int64_t in)
{
    struct refund_case *c = calloc(1, sizeof *c);

    if (!c)
        abort();
    snprintf(c->id, sizeof c->id, "%s", id);
    c->who = who;
    sim_at(sim.now + in, SIM_WORLD, on_decide, c);
}

static void on_refund(void *arg)
{
    char nth[8], part[8];
    PGresult *charge, *res = NULL;

    (void)arg;
    if (sim.over)
        return;
    snprintf(nth, sizeof nth, "%u", (unsigned)sim_below(3));
    snprintf(part, sizeof part, "%u", (unsigned)sim_below(120));
    charge = sim_db_run(&sim_world_db, "settled", settled_sql, 2, users, nth);
    if (charge && PQntuples(charge) == 1)
        res = sim_db_run(&sim_world_db, "refund_request", request_sql, 2, PQgetvalue(charge, 0, 0),
                         sim_chance(500) ? NULL : part);
    PQclear(charge);
    if (res && strcmp(PQgetvalue(res, 0, 0), "ok") == 0) {
        const char *id = PQgetvalue(res, 0, 1);

        if (sim_chance(300))
            decide(id, "awa", sim_span(0, SIM_MINUTE));
        if (sim_chance(150))
            decide(id, "refuse", sim_span(0, SIM_HOUR));
        decide(id, "binta", sim_span(SIM_SECOND, SIM_HOUR));
    }
    PQclear(res);
}

/* ---- a seed's people ---- */

void sim_world_start(int64_t until)
{
    size_t at = 0;

    nreaders = sim.small ? 1 : 1 + sim_below(READERS_MAX);
    steps = 0;
    at += (size_t)snprintf(users, sizeof users, "{");
    for (size_t i = 0; i < nreaders; i++) {
        struct reader *r = &readers[i];
        size_t dials = sim.small ? 1 : 1 + sim_below(4);

        reader_new(r);
        at += (size_t)snprintf(users + at, sizeof users - at, "%s%s", i ? "," : "", r->user);
        for (size_t n = 0; n < dials; n++) { /* in bursts, and hours apart */
            int64_t when =
                sim_chance(500) ? sim_span(0, 20 * SIM_MINUTE) : sim_span(0, until - sim.now);

            sim_at(sim.now + when, SIM_WORLD, on_buy, r);
        }
    }
    snprintf(users + at, sizeof users - at, "}");
    for (size_t n = sim.small ? 1 : sim_below(4); n > 0; n--)
        sim_at(sim.now + sim_span(SIM_MINUTE, until - sim.now), SIM_WORLD, on_refund, NULL);
}
