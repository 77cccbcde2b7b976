/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko link` and `coko outbox`: what a person decides, straight into the database; every decision
 * leaves a row of audit with the operator's name. See commands.h.
 *
 * The daemons hear of a wish by the topic coko_account, and each second without it.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/commands/commands.h"
#include "gateway/config.h"
#include "gateway/lib/base.h"
#include "gateway/lib/buf.h"

#define LIST_MAX   "1000"
#define IDS_BYTES  (64u << 10)
#define WAIT_STEP  200 /* ms */
#define WAIT_STEPS 300
#define WORDS_MAX  64

/* What stands on the command line. */
struct order {
    const char *words[WORDS_MAX]; /* without options: argv[0], then the rest */
    size_t nwords;
    const char *account, *older, *by;
    bool wait, bad;
};

const char *command_operator(void)
{
    static const char *const places[] = {"COKO_OPERATOR", "SUDO_USER", "USER", "LOGNAME"};
    static char uid[24];

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const char *v = getenv(places[i]);

        if (v != NULL && *v != '\0')
            return v;
    }
    (void)snprintf(uid, sizeof uid, "uid%u", (unsigned)getuid());
    return uid;
}

/* "90s", "15m", "2h", "3d": what an interval of SQL understands as well. */
static bool is_age(const char *s)
{
    size_t digits = strspn(s, "0123456789");

    return digits > 0 && digits < 7 && strchr("smhd", s[digits]) != NULL && s[digits] != '\0' &&
           s[digits + 1] == '\0';
}

static void order_word(struct order *o, const char *word)
{
    if (o->nwords == WORDS_MAX || *word == '-')
        o->bad = true;
    else
        o->words[o->nwords++] = word;
}

static struct order order_read(int argc, char **argv)
{
    struct order o = {.account = "", .older = "0s", .by = command_operator()};

    for (int i = 0; i < argc; i++) {
        bool more = i + 1 < argc;

        if (strcmp(argv[i], "--wait") == 0)
            o.wait = true;
        else if (more && strcmp(argv[i], "-c") == 0)
            i++; /* command_config reads it */
        else if (more && strcmp(argv[i], "--account") == 0)
            o.account = argv[++i];
        else if (more && strcmp(argv[i], "--older-than") == 0)
            o.older = argv[++i];
        else if (more && strcmp(argv[i], "--by") == 0)
            o.by = argv[++i];
        else
            order_word(&o, argv[i]);
    }
    o.bad |= !is_age(o.older);
    return o;
}

/* ---- the database ---- */

PGresult *command_rows(PGconn *db, const char *sql, int n, const char *const *v)
{
    PGresult *r = PQexecParams(db, sql, n, NULL, v, NULL, NULL, 0);

    if (PQresultStatus(r) == PGRES_TUPLES_OK || PQresultStatus(r) == PGRES_COMMAND_OK)
        return r;
    fprintf(stderr, "coko: %s", PQerrorMessage(db));
    PQclear(r);
    return NULL;
}

int command_with_database(int argc, char **argv, command_db_fn *fn, void *arg)
{
    const char *path;
    int code = COMMAND_OK;
    struct config *c = command_config(argc, argv, &path, &code);

    if (c == NULL)
        return code;
    PGconn *db = PQconnectdb(c->store.database_url);

    code = fn(db, c, arg);
    PQfinish(db);
    config_free(c);
    return code;
}

/* ---- coko link ---- */

static const char *wish_of(const char *verb)
{
    if (strcmp(verb, "resume") == 0)
        return "run";
    return strcmp(verb, "pause") == 0 || strcmp(verb, "drain") == 0 ? verb : NULL;
}

/* Until nobody holds a bind of the account. 0: so it is. */
static int wait_released(PGconn *db, const char *account)
{
    static const char sql[] = "select 1 from ops.lease where until > ops.now()"
                              " and name in ('bind:' || $1, 'bind:' || $1 || '-rx')";
    const struct timespec step = {.tv_nsec = WAIT_STEP * 1000000L};

    for (int i = 0; i < WAIT_STEPS; i++) {
        PGresult *r = command_rows(db, sql, 1, &account);
        int held = r != NULL ? PQntuples(r) : -1;

        PQclear(r);
        if (held <= 0)
            return held;
        (void)nanosleep(&step, NULL);
    }
    fprintf(stderr, "coko link: the bind of %s is still held after %d s\n", account,
            WAIT_STEPS * WAIT_STEP / 1000);
    return -1;
}

static int link_run(PGconn *db, const struct config *c, void *arg)
{
    const struct order *o = arg;
    const char *v[] = {o->by, o->words[2], wish_of(o->words[1])};
    PGresult *r = command_rows(db, "select outcome from messaging.link_wish($1, $2, $3)", 3, v);
    bool known;

    (void)c;
    if (r == NULL)
        return COMMAND_FAULT;
    known = strcmp(PQgetvalue(r, 0, 0), "no_account") != 0;
    PQclear(r);
    if (!known) {
        fprintf(stderr, "coko link: no account %s\n", o->words[2]);
        return COMMAND_FAULT;
    }
    PQclear(PQexec(db, "NOTIFY coko_account"));
    if (o->wait && strcmp(v[2], "drain") == 0 && wait_released(db, o->words[2]) != 0)
        return COMMAND_FAULT;
    printf("%s: %s\n", o->words[2], v[2]);
    return COMMAND_OK;
}

int command_link(int argc, char **argv)
{
    struct order o = order_read(argc, argv);

    if (o.bad || o.nwords != 3 || wish_of(o.words[1]) == NULL)
        return COMMAND_USAGE;
    return command_with_database(argc, argv, link_run, &o);
}

/* ---- coko outbox ---- */

static PGresult *unknowns(PGconn *db, const struct order *o, const char *account)
{
    const char *v[] = {account, o->older, LIST_MAX};

    return command_rows(db,
                        "select message_id, account, kind, age_s, parts, unknown, receipts"
                        " from messaging.outbox_unknown($1, $2::interval, $3::int)",
                        3, v);
}

static int outbox_list(PGconn *db, const struct config *c, void *arg)
{
    const struct order *o = arg;
    PGresult *r = unknowns(db, o, o->nwords == 3 ? o->words[2] : o->account);

    (void)c;
    if (r == NULL)
        return COMMAND_FAULT;
    if (PQntuples(r) > 0)
        printf("%-12s %-16s %-11s %10s %6s %8s %9s\n", "message", "account", "kind", "sent s ago",
               "parts", "unknown", "receipts");
    for (int i = 0; i < PQntuples(r); i++)
        printf("%-12s %-16s %-11s %10s %6s %8s %9s\n", PQgetvalue(r, i, 0), PQgetvalue(r, i, 1),
               PQgetvalue(r, i, 2), PQgetvalue(r, i, 3), PQgetvalue(r, i, 4), PQgetvalue(r, i, 5),
               PQgetvalue(r, i, 6));
    PQclear(r);
    return COMMAND_OK;
}

static void ids_of_words(const struct order *o, struct buf *ids)
{
    for (size_t i = 2; i < o->nwords; i++) {
        if (i > 2)
            buf_addc(ids, ',');
        buf_puts(ids, o->words[i]);
    }
}

static int ids_of_account(PGconn *db, const struct order *o, struct buf *ids)
{
    PGresult *r = unknowns(db, o, o->account);

    for (int i = 0; i < PQntuples(r); i++) {
        if (i > 0)
            buf_addc(ids, ',');
        buf_puts(ids, PQgetvalue(r, i, 0));
    }
    PQclear(r);
    return r != NULL ? 0 : -1;
}

/* The rows of outbox_decide; a refused or missing message makes the whole a fault. */
static int print_decided(const PGresult *r, size_t asked)
{
    size_t refused = 0;

    for (int i = 0; i < PQntuples(r); i++) {
        const char *outcome = PQgetvalue(r, i, 1);

        refused += strcmp(outcome, "requeued") != 0 && strcmp(outcome, "given_up") != 0;
        printf("%s %s\n", PQgetvalue(r, i, 0), outcome);
    }
    if ((size_t)PQntuples(r) < asked)
        fprintf(stderr, "coko outbox: %zu of them are no messages\n", asked - (size_t)PQntuples(r));
    return refused > 0 || (size_t)PQntuples(r) < asked ? COMMAND_FAULT : COMMAND_OK;
}

static int outbox_decide(PGconn *db, const struct config *c, void *arg)
{
    const struct order *o = arg;
    bool requeue = strcmp(o->words[1], "requeue") == 0;
    int code = COMMAND_FAULT;
    struct buf ids;

    (void)c;
    buf_init(&ids, IDS_BYTES);
    buf_addc(&ids, '{');
    if (o->nwords > 2)
        ids_of_words(o, &ids);
    else if (ids_of_account(db, o, &ids) != 0)
        goto out;
    buf_addc(&ids, '}');
    const char *v[] = {o->by, requeue ? "requeue" : "give_up", buf_cstr(&ids)};
    PGresult *r = command_rows(
        db, "select message_id, outcome from messaging.outbox_decide($1, $2, $3::bigint[])", 3, v);

    if (r != NULL)
        code = print_decided(r, o->nwords - 2);
    PQclear(r);
    PQclear(PQexec(db, "NOTIFY coko_message"));
out:
    buf_fini(&ids);
    return code;
}

static bool all_ids(const struct order *o)
{
    for (size_t i = 2; i < o->nwords; i++) {
        size_t n = strspn(o->words[i], "0123456789");

        if (n == 0 || n > 18 || o->words[i][n] != '\0')
            return false;
    }
    return true;
}

int command_outbox(int argc, char **argv)
{
    struct order o = order_read(argc, argv);

    if (o.bad || o.nwords < 2)
        return COMMAND_USAGE;
    if (strcmp(o.words[1], "unknown") == 0)
        return o.nwords > 3 ? COMMAND_USAGE : command_with_database(argc, argv, outbox_list, &o);
    if (strcmp(o.words[1], "requeue") != 0 && strcmp(o.words[1], "give-up") != 0)
        return COMMAND_USAGE;
    if ((o.nwords > 2) == (*o.account != '\0') || !all_ids(&o)) /* ids, or an account: not both */
        return COMMAND_USAGE;
    return command_with_database(argc, argv, outbox_decide, &o);
}
