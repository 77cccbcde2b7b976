/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays seeds. See sim.h; tests/fault/money_sim gives it a database.
 *
 *   sim --url URL --seed N [--verbose]       one seed, and its story
 *   sim --url URL --from N [--count N] [--seconds S]   many, until one of the two is reached
 *   sim --url URL --seed N --sweep           a small seed, and again with a crash at each of its
 *                                            daemons' statements, before and after the commit
 *   sim --url URL --seed N --twice           is the second time the same story?
 *   --first                                  ends at the first seed that breaks something
 *
 * Exit: 0 nothing broke, 1 something did, 2 usage or no database.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/fault/sim.h"

#define EPOCH_US   INT64_C(1780272000000000) /* 2026-06-01 */
#define CALM_US    (10 * 24 * SIM_HOUR)
#define LATER_US   (3 * 24 * SIM_HOUR)
#define EVENTS_MAX 400000 /* of one seed: beyond, something goes in circles */

struct sim sim;

static struct {
    const char *url;
    uint64_t from, count, seconds;
    bool sweep, twice, first, verbose;
} args = {.count = 0};

static struct {
    uint64_t seeds, broken, events, writes, statements;
    uint64_t struck[FAULTS];
} total;

static uint64_t rng[2];
static uint64_t plays;

/* ---- chance ---- */

static uint64_t mix(uint64_t *x)
{
    uint64_t z = (*x += UINT64_C(0x9E3779B97F4A7C15));

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint64_t sim_below(uint64_t n)
{
    uint64_t a = rng[0], b = rng[1], out = a + b; /* xoroshiro128+ */

    b ^= a;
    rng[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
    rng[1] = (b << 37) | (b >> 27);
    return (out >> 11) % n;
}

bool sim_chance(unsigned per_thousand)
{
    return sim_below(1000) < per_thousand;
}

int64_t sim_span(int64_t lo, int64_t hi)
{
    return hi <= lo ? lo : lo + (int64_t)sim_below((uint64_t)(hi - lo) + 1);
}

bool sim_fault(enum sim_fault f)
{
    if (sim.calm || sim.over || sim.rate[f] == 0 || !sim_chance(sim.rate[f]))
        return false;
    sim.struck[f]++;
    return true;
}

/* Each seed has its own few faults: all at once would hide what two of them do. */
static void draw_rates(void)
{
    static const unsigned often[] = {5, 20, 60, 150, 300};
    static const unsigned seldom[] = {2, 10, 30, 60};
    unsigned share = sim_chance(100) ? 0 : sim_chance(150) ? 800 : 350;

    for (size_t f = 0; f < FAULTS; f++) {
        bool rare = f == FAULT_CRASH || f == FAULT_DB_LOST || f == FAULT_DB_SLOW;

        if (sim_chance(share))
            sim.rate[f] =
                rare ? seldom[sim_below(ARRAY_LEN(seldom))] : often[sim_below(ARRAY_LEN(often))];
    }
    sim.rate[FAULT_PAUSE] = MIN(sim.rate[FAULT_PAUSE], 2);
    sim.rate[FAULT_FORGED] = MIN(sim.rate[FAULT_FORGED] * 2, 700);
    if (sim.small)
        sim.rate[FAULT_CRASH] = sim.rate[FAULT_PAUSE] = 0;
}

/* ---- what is said ---- */

static void say_time(void)
{
    int64_t s = (sim.now - EPOCH_US) / SIM_SECOND;

    printf("%3" PRId64 "d %02d:%02d:%02d.%03d  ", s / 86400, (int)(s / 3600 % 24),
           (int)(s / 60 % 60), (int)(s % 60), (int)(sim.now / 1000 % 1000));
}

void sim_say(const char *fmt, ...)
{
    va_list ap;

    if (!sim.verbose)
        return;
    say_time();
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

void sim_violation(const char *rule, const char *fmt, ...)
{
    va_list ap;

    sim.violations++;
    printf("seed %" PRIu64 ": %s: ", sim.seed, rule);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    if (sim.crash_at)
        printf(" (crash %s statement %u)", sim.crash_after ? "after" : "before", sim.crash_at);
    putchar('\n');
    fflush(stdout);
}

/* ---- one seed ---- */

static void on_clock_step(void *arg)
{
    static const int64_t steps[] = {SIM_HOUR, 10 * SIM_MINUTE, 61 * SIM_SECOND, -30 * SIM_SECOND,
                                    -2 * SIM_SECOND};

    (void)arg;
    if (sim.over || sim.calm)
        return;
    sim.struck[FAULT_CLOCK]++;
    sim.db_skew += steps[sim_below(ARRAY_LEN(steps))];
    sim.wall_skew = sim_span(-10 * SIM_MINUTE, 10 * SIM_MINUTE);
    sim_say("the clocks step");
    sim_work_changed(true);
}

static bool play_until(int64_t until)
{
    while (sim_step(until)) {
        if (sim.events > EVENTS_MAX) {
            sim_violation("liveness", "%u events and no end", sim.events);
            return false;
        }
    }
    sim.now = MAX(sim.now, until);
    return true;
}

static void prepare(uint64_t seed, unsigned crash_at, bool crash_after)
{
    uint64_t x = seed;

    sim = (struct sim){.seed = seed,
                       .play = ++plays,
                       .small = args.sweep,
                       .crash_at = crash_at,
                       .crash_after = crash_after,
                       .verbose = args.verbose,
                       .ring = sim.ring};
    rng[0] = mix(&x);
    rng[1] = mix(&x);
    draw_rates();
    sim.now = EPOCH_US + sim_span(0, 300 * 24 * SIM_HOUR);
    sim_db_seed(&sim_world_db, seed);
    sim_pg_seed(seed);
    sim_rail_clear();
    sim_check_begin();
    /* the rail of an earlier seed may have been down */
    (void)sim_db_number(&sim_world_db, "prepare", "delete from billing.rail_gate", 0);
}

/* The faults' phase, the calm one, the oracles. The number of violations. */
static unsigned play(uint64_t seed, unsigned crash_at, bool crash_after)
{
    int64_t until;
    unsigned found;

    prepare(seed, crash_at, crash_after);
    until = sim.now + (sim.small         ? 30 * SIM_MINUTE
                       : sim_chance(700) ? sim_span(20 * SIM_MINUTE, 3 * SIM_HOUR)
                                         : sim_span(20 * SIM_HOUR, 30 * SIM_HOUR));
    sim_daemons_start();
    sim_world_start(until);
    for (size_t n = sim.rate[FAULT_CLOCK] ? 2 : 0; n > 0; n--)
        sim_at(sim.now + sim_span(0, until - sim.now), SIM_WORLD, on_clock_step, NULL);
    if (play_until(until)) {
        sim.calm = true;
        sim_say("calm");
        if (play_until(until + CALM_US)) {
            found = sim_check_statement();
            if (found > 0)
                sim_say("%u debits of the statement", found);
            total.statements += found;
            if (found == 0 || play_until(until + CALM_US + LATER_US))
                sim_check_all();
        }
    }
    sim_daemons_stop();
    sim_queue_clear();
    return sim.violations;
}

/* ---- many ---- */

static void count_up(void)
{
    total.seeds++;
    total.broken += sim.violations > 0;
    total.events += sim.events;
    total.writes += sim.writes;
    for (size_t f = 0; f < FAULTS; f++)
        total.struck[f] += sim.struck[f];
}

static void play_one(uint64_t seed)
{
    play(seed, 0, false);
    count_up();
}

static void sweep(uint64_t seed)
{
    unsigned writes;

    play(seed, 0, false);
    count_up();
    writes = sim.writes;
    for (unsigned at = 1; at <= writes; at++) {
        for (int after = 0; after <= 1; after++) {
            play(seed, at, after);
            count_up();
        }
    }
}

static void twice(uint64_t seed)
{
    unsigned events, writes;

    play(seed, 0, false);
    events = sim.events;
    writes = sim.writes;
    play(seed, 0, false);
    if (events != sim.events || writes != sim.writes)
        sim_violation("replay", "%u events and %u statements, then %u and %u", events, writes,
                      sim.events, sim.writes);
    count_up();
}

static void report(double took)
{
    static const char *const names[FAULTS] = {
        "not sent", "lost",     "reply lost", "delay", "twice", "cut",   "html",  "429",
        "error",    "redirect", "denied",     "stale", "word",  "money", "token", "callback",
        "forged",   "db lost",  "db slow",    "wake",  "crash", "pause", "clock"};

    for (size_t f = 0; f < FAULTS; f++)
        printf("%s%s %" PRIu64, f ? ", " : "faults: ", names[f], total.struck[f]);
    printf("\nmoney_sim: %" PRIu64 " seeds, %" PRIu64 " broken, %" PRIu64 " events, %" PRIu64
           " statements of daemons, %" PRIu64
           " debits found by the statement, %.1f s, %.1f seeds/s\n",
           total.seeds, total.broken, total.events, total.writes, total.statements, took,
           (double)total.seeds / MAX(took, 0.001));
}

static double real_seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool more(uint64_t played, double took)
{
    if (args.seconds && took >= (double)args.seconds)
        return false;
    return played < (args.count ? args.count : args.seconds ? UINT64_MAX : 1);
}

static int usage(void)
{
    fprintf(stderr, "usage: sim --url URL --from N [--count N] [--seconds S] [--sweep | --twice]"
                    " [--first] [--verbose]\n");
    return 2;
}

static bool number_arg(const char *text, uint64_t *out)
{
    int64_t n;

    if (!text || !str_to_i64(str_c(text), 0, INT64_MAX, &n))
        return false;
    *out = (uint64_t)n;
    return true;
}

static bool parse(int argc, char **argv)
{
    static const struct {
        const char *name;
        uint64_t *number;
        bool *flag;
    } options[] = {{"--seed", &args.from, NULL},   {"--from", &args.from, NULL},
                   {"--count", &args.count, NULL}, {"--seconds", &args.seconds, NULL},
                   {"--sweep", NULL, &args.sweep}, {"--twice", NULL, &args.twice},
                   {"--first", NULL, &args.first}, {"--verbose", NULL, &args.verbose}};

    for (int i = 1; i < argc; i++) {
        size_t o = 0;

        if (strcmp(argv[i], "--url") == 0) {
            args.url = argv[++i];
            continue;
        }
        while (o < ARRAY_LEN(options) && strcmp(argv[i], options[o].name) != 0)
            o++;
        if (o == ARRAY_LEN(options))
            return false;
        if (options[o].flag)
            *options[o].flag = true;
        else if (!number_arg(argv[++i], options[o].number))
            return false;
    }
    return args.url != NULL;
}

int main(int argc, char **argv)
{
    double began = real_seconds();

    if (!parse(argc, argv))
        return usage();
    sim_db_open(&sim_world_db, args.url);
    sim_pg_open(args.url);
    sim_daemons_open();
    plays =
        (uint64_t)sim_db_number(&sim_world_db, "count", "select count(*) from auth.identity", 0);
    for (uint64_t n = 0; more(n, real_seconds() - began); n++) {
        if (args.sweep)
            sweep(args.from + n);
        else if (args.twice)
            twice(args.from + n);
        else
            play_one(args.from + n);
        if (args.first && total.broken > 0)
            break;
    }
    report(real_seconds() - began);
    sim_daemons_close();
    sim_pg_close();
    sim_db_close(&sim_world_db);
    return total.broken > 0;
}
