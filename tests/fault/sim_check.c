/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracles. What must hold at every submit is asked at every submit; what must hold in the end is
 * in sim.sql, which compares the database with the rail's own books; what must stand in no log is
 * looked for in the log.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/lib/log.h"
#include "tests/fault/sim.h"

#define TRACKS_MAX      256
#define NOT_FOUND_TIMES 3
#define NOT_FOUND_US    (30 * SIM_SECOND) /* 60 s between records, which come later than answers */
#define LOG_KEPT        (8 << 20)

static const char submit_sql[] =
    "select c.amount_minor, c.currency, (select count(*) from billing.attempt a"
    " where a.charge_id = c.id) from billing.charge c where c.our_ref = $1::uuid";
static const char refund_sql[] =
    "select f.amount_minor, f.currency, (select count(*) from billing.refund_attempt a"
    " where a.refund_id = f.id) from billing.refund f where f.our_ref = $1::uuid";
static const char unsettled_sql[] =
    "select count(billing.inbox_hint('mtn_momo', r.ref)) from jsonb_to_recordset($1::jsonb->'charges')"
    " as r(ref text, debited bigint) join billing.charge c on c.our_ref::text = r.ref"
    " where r.debited > 0 and c.settlement is null and c.due_at is null"
    " and c.state in ('FAILED', 'EXPIRED')";
static const char check_sql[] =
    "select distinct rule, detail from sim.check_all($1::bigint[], $2::jsonb) order by 1, 2";

/* What this side was told of a reference that it sent. */
static struct track {
    char ref[40];
    bool maybe; /* a submit may have been carried out */
    unsigned not_found;
    int64_t first, last; /* of those, by the database's clock */
    char charge_id[24];
    enum sim_told told[SIM_DAEMONS]; /* since the last claim */
} tracks[TRACKS_MAX];
static size_t ntracks;
static int log_fd = -1;

void sim_check_begin(void)
{
    ntracks = 0;
    if (log_fd < 0) {
        log_fd = memfd_create("sim-log", MFD_CLOEXEC);
        log_set_fd(log_fd);
        log_set_level(LOG_LEVEL_DEBUG);
    }
    if (ftruncate(log_fd, 0) != 0 || lseek(log_fd, 0, SEEK_SET) != 0)
        abort();
}

static struct track *track_of(const char *ref)
{
    for (size_t i = 0; i < ntracks; i++) {
        if (strcmp(tracks[i].ref, ref) == 0)
            return &tracks[i];
    }
    assert(ntracks < TRACKS_MAX);
    tracks[ntracks] = (struct track){.maybe = false};
    snprintf(tracks[ntracks].ref, sizeof tracks[0].ref, "%s", ref);
    return &tracks[ntracks++];
}

/* ---- while it runs ---- */

void sim_check_submit(bool refund, const char *our_ref, const char *amount, const char *currency,
                      bool leaves)
{
    struct track *t = track_of(our_ref);
    PGresult *res =
        sim_db_run(&sim_world_db, "check", refund ? refund_sql : submit_sql, 1, our_ref);

    if (!res || PQntuples(res) != 1)
        sim_violation("I2", "%s leaves, and no row has it", our_ref);
    else if (strcmp(PQgetvalue(res, 0, 2), "0") == 0)
        sim_violation("I2", "%s leaves without an attempt", our_ref);
    else if (!amount || !currency || strcmp(PQgetvalue(res, 0, 0), amount) != 0 ||
             strcmp(PQgetvalue(res, 0, 1), currency) != 0)
        sim_violation("I8", "%s asks for %s %s", our_ref, amount ? amount : "-",
                      currency ? currency : "-");
    PQclear(res);
    if (t->maybe && (t->not_found < NOT_FOUND_TIMES || t->last - t->first < NOT_FOUND_US))
        sim_violation("M4", "%s is sent again after %u denials in %lld s", our_ref, t->not_found,
                      (long long)((t->last - t->first) / SIM_SECOND));
    if (leaves) {
        t->maybe = true;
        t->not_found = 0;
    }
}

void sim_check_answer(int daemon, const char *our_ref, bool submit, const struct sim_reply *rs)
{
    struct track *t;
    int64_t now = sim.now + sim.db_skew;

    if (strlen(our_ref) != 36)
        return;
    t = track_of(our_ref);
    t->told[daemon] = rs->told;
    if (submit && rs->status == 401) /* not carried out */
        t->maybe = false;
    if (submit || rs->status != 404 || !strstr(rs->body, "RESOURCE_NOT_FOUND"))
        return;
    t->first = t->not_found++ == 0 ? now : t->first;
    t->last = now;
}

void sim_check_claimed(int daemon, const char *charge_id, const char *our_ref)
{
    struct track *t = track_of(our_ref);

    snprintf(t->charge_id, sizeof t->charge_id, "%s", charge_id);
    t->told[daemon] = TOLD_NOTHING;
}

const char *sim_check_doing(int daemon, const char *charge_id)
{
    static const char *const doing[] = {"charge.event:nothing", "charge.event:truth",
                                        "charge.event:wrong", "charge.event:there"};

    for (size_t i = 0; i < ntracks; i++) {
        if (strcmp(tracks[i].charge_id, charge_id) == 0)
            return doing[tracks[i].told[daemon]];
    }
    return doing[TOLD_NOTHING];
}

/* ---- in the end ---- */

/* I11: no number, key or token in a log, whatever the level. */
static void check_log(void)
{
    static const char *const secrets[] = {"secret-api-key", "secret-subscription",
                                          "secret-callback-0001", "secret-token"};
    off_t size = lseek(log_fd, 0, SEEK_END);
    size_t n = (size_t)MIN(size, LOG_KEPT);
    const char *number;
    void *text;

    if (n == 0)
        return;
    text = mmap(NULL, n, PROT_READ, MAP_SHARED, log_fd, 0);
    if (text == MAP_FAILED)
        abort();
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        if (memmem(text, n, secrets[i], strlen(secrets[i])))
            sim_violation("I11", "the log has %s", secrets[i]);
    }
    for (size_t i = 0; (number = sim_world_number(i)) != NULL; i++) {
        if (memmem(text, n, number, strlen(number)))
            sim_violation("I11", "the log has a reader's number");
    }
    munmap(text, n);
}

static char *books_text(void)
{
    json_t *books = sim_rail_books();
    char *text = json_dumps(books, JSON_COMPACT);

    json_decref(books);
    if (!text)
        abort();
    return text;
}

unsigned sim_check_statement(void)
{
    char *books = books_text();
    unsigned n = (unsigned)sim_db_number(&sim_world_db, "statement", unsettled_sql, 1, books);

    free(books);
    sim_work_changed(false);
    return n;
}

void sim_check_all(void)
{
    char *books = books_text();
    PGresult *res = sim_db_run(&sim_world_db, "check", check_sql, 2, sim_world_users(), books);

    for (int i = 0; res && i < PQntuples(res); i++)
        sim_violation(PQgetvalue(res, i, 0), "%s", PQgetvalue(res, i, 1));
    PQclear(res);
    free(books);
    check_log();
}
