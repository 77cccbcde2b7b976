/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The migrator. See migrate.h for the order.
 *
 * Blocking libpq on purpose: this is a command, not the daemon. The bookkeeping tables are made
 * here and not by a migration, since they say which migrations there are.
 */
#include "gateway/migrate.h"

#include <dirent.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/file.h"

#define MIGRATE_FILES_MAX  512
#define MIGRATE_FILE_BYTES (4u << 20)
#define MIGRATE_LEASE_S    60

struct migrator {
    PGconn *db;
    const struct migrate_source *src;
    char owner[64];
    struct err *e;
};

struct sql_file {
    char path[512]; /* relative to the schema directory */
    struct buf bytes;
    const char *text; /* in bytes, terminated */
    char checksum[2 * CRYPTO_SHA256_LEN + 1];
};

/* One implicit transaction; the lock because "if not exists" is no answer to two at once. */
static const char bootstrap_sql[] =
    "select pg_advisory_xact_lock(hashtextextended('coko migrate', 0));"
    "create schema if not exists ops;"
    "create table if not exists ops.migration (version int primary key, name text not null,"
    " checksum text not null, applied_at timestamptz not null default now());"
    "create table if not exists ops.schema_file (path text primary key, checksum text not null,"
    " applied_at timestamptz not null default now());"
    "create table if not exists ops.migrator (only_row bool primary key default true"
    " check (only_row), owner text not null, until timestamptz not null);";

static int run_text(struct migrator *m, const char *what, const char *sql)
{
    PGresult *r = PQexec(m->db, sql);
    ExecStatusType s = PQresultStatus(r);
    bool ok = s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK || s == PGRES_EMPTY_QUERY;

    if (!ok)
        err_set(m->e, ERR_DB, "%s: %s", what, PQresultErrorMessage(r));
    PQclear(r);
    return ok ? 0 : -1;
}

/* One statement with text parameters; the result is the caller's, NULL after a failure. */
static PGresult *run_params(struct migrator *m, const char *what, const char *sql, int n,
                            const char *const *v)
{
    PGresult *r = PQexecParams(m->db, sql, n, NULL, v, NULL, NULL, 0);
    ExecStatusType s = PQresultStatus(r);

    if (s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK)
        return r;
    err_set(m->e, ERR_DB, "%s: %s", what, PQresultErrorMessage(r));
    PQclear(r);
    return NULL;
}

static int run_done(struct migrator *m, const char *what, const char *sql, int n,
                    const char *const *v)
{
    PGresult *r = run_params(m, what, sql, n, v);

    PQclear(r);
    return r ? 0 : -1;
}

/* ---- the lease: one migrator at a time ---- */

static int lease_take(struct migrator *m)
{
    static const char sql[] =
        "insert into ops.migrator (owner, until) values ($1, clock_timestamp() + interval '60 s')"
        " on conflict (only_row) do update set owner = excluded.owner, until = excluded.until"
        " where ops.migrator.until < clock_timestamp() or ops.migrator.owner = excluded.owner"
        " returning owner";
    const char *v[] = {m->owner};

    for (int tries = 0; tries < MIGRATE_LEASE_S * 4; tries++) {
        PGresult *r = run_params(m, "lease", sql, 1, v);
        int rows = r ? PQntuples(r) : -1;

        PQclear(r);
        if (rows != 0)
            return rows > 0 ? 0 : -1;
        usleep(250000);
    }
    return err_set(m->e, ERR_BAD_STATE, "another migrator has held the lease for %d s",
                   MIGRATE_LEASE_S);
}

static void lease_release(struct migrator *m)
{
    const char *v[] = {m->owner};
    struct err ignored = {0};
    struct err *kept = m->e;

    m->e = &ignored; /* the lease lapses by itself: a failure here must not hide the first one */
    (void)run_done(m, "lease", "delete from ops.migrator where owner = $1", 1, v);
    m->e = kept;
}

/* ---- files ---- */

static int sql_read(struct migrator *m, const char *path, struct sql_file *f)
{
    char full[1024];
    uint8_t sum[CRYPTO_SHA256_LEN];
    struct buf hex;

    snprintf(full, sizeof full, "%s/%s", m->src->schema_dir, path);
    snprintf(f->path, sizeof f->path, "%s", path);
    buf_init(&f->bytes, MIGRATE_FILE_BYTES);
    if (file_read(full, &f->bytes, m->e) != 0 || f->bytes.len == 0) {
        buf_fini(&f->bytes);
        return m->e->code ? err_wrap(m->e, "%s", full) : err_set(m->e, ERR_IO, "%s: empty", full);
    }
    crypto_sha256(buf_str(&f->bytes), sum);
    f->text = buf_cstr(&f->bytes);
    buf_init_fixed(&hex, f->checksum, sizeof f->checksum);
    hex_encode(&hex, sum, sizeof sum);
    (void)buf_cstr(&hex);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_sql(const char *name)
{
    size_t n = strlen(name);

    return name[0] != '.' && n > 4 && strcmp(name + n - 4, ".sql") == 0;
}

/* Names below a folder, sub-folders one level deep, sorted; the caller frees each. */
static size_t dir_list(const char *root, const char *dir, char **names, size_t n)
{
    char full[1024];
    struct dirent *d;
    DIR *dp;

    snprintf(full, sizeof full, "%s/%s", root, dir);
    dp = opendir(full);
    while (dp && (d = readdir(dp)) != NULL && n < MIGRATE_FILES_MAX) {
        char rel[512];

        snprintf(rel, sizeof rel, "%s%s%.255s", dir, *dir ? "/" : "", d->d_name);
        if (is_sql(d->d_name))
            names[n++] = strdup(rel);
        else if (*dir && d->d_type == DT_DIR && d->d_name[0] != '.' && !strchr(dir, '/'))
            n = dir_list(root, rel, names, n);
    }
    if (dp)
        closedir(dp);
    return n;
}

typedef int apply_fn(struct migrator *m, const struct sql_file *f);

static int dir_each(struct migrator *m, const char *dir, apply_fn *apply)
{
    char *names[MIGRATE_FILES_MAX];
    size_t n = dir_list(m->src->schema_dir, dir, names, 0);
    int rc = 0;

    qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++) {
        struct sql_file f;

        if (rc == 0 && (rc = sql_read(m, names[i], &f)) == 0) {
            rc = apply(m, &f);
            buf_fini(&f.bytes);
        }
        free(names[i]);
    }
    return rc;
}

/* ---- what a file means ---- */

/* 1: recorded with this checksum, 0: not recorded, 2: recorded with another one, -1: fault. */
static int recorded(struct migrator *m, const char *sql, const char *key, const char *checksum)
{
    const char *v[] = {key};
    PGresult *r = run_params(m, key, sql, 1, v);
    int known = -1;

    if (r)
        known = PQntuples(r) == 0 ? 0 : strcmp(PQgetvalue(r, 0, 0), checksum) == 0 ? 1 : 2;
    PQclear(r);
    return known;
}

/*
 * Part of a file's transaction: the lease goes on, and if another migrator took it meanwhile (the
 * file ran longer than the lease), this file is not committed.
 */
static int lease_keep(struct migrator *m, const char *what)
{
    const char *v[] = {m->owner};
    PGresult *r = run_params(m, what,
                             "update ops.migrator set until = clock_timestamp() + interval '60 s'"
                             " where owner = $1 returning 1",
                             1, v);
    int rows = r ? PQntuples(r) : -1;

    PQclear(r);
    if (rows == 0)
        return err_set(m->e, ERR_BAD_STATE, "%s: another migrator took the lease meanwhile", what);
    return rows > 0 ? 0 : -1;
}

static int in_transaction(struct migrator *m, const struct sql_file *f, const char *note_sql, int n,
                          const char *const *v)
{
    if (run_text(m, f->path, "begin; set local check_function_bodies = off") != 0)
        return -1;
    if (run_text(m, f->path, f->text) == 0 && run_done(m, f->path, note_sql, n, v) == 0 &&
        lease_keep(m, f->path) == 0 && run_text(m, f->path, "commit") == 0) {
        printf("applied %s\n", f->path);
        return 0;
    }
    PQclear(PQexec(m->db, "rollback"));
    return -1;
}

static int apply_migration(struct migrator *m, const struct sql_file *f)
{
    char version[16];
    const char *v[] = {version, f->path, f->checksum};
    int known;

    snprintf(version, sizeof version, "%ld", strtol(f->path, NULL, 10));
    known = recorded(m, "select checksum from ops.migration where version = $1::int", version,
                     f->checksum);
    if (known == 2)
        return err_set(m->e, ERR_BAD_STATE,
                       "%s was edited after it was applied: add a new migration", f->path);
    if (known != 0)
        return known == 1 ? 0 : -1;
    return in_transaction(m, f,
                          "insert into ops.migration (version, name, checksum)"
                          " values ($1::int, $2, $3)",
                          3, v);
}

static int apply_if_changed(struct migrator *m, const struct sql_file *f)
{
    const char *v[] = {f->path, f->checksum};
    int known =
        recorded(m, "select checksum from ops.schema_file where path = $1", f->path, f->checksum);

    if (known < 0 || known == 1)
        return known < 0 ? -1 : 0;
    return in_transaction(m, f,
                          "insert into ops.schema_file (path, checksum) values ($1, $2)"
                          " on conflict (path) do update set checksum = excluded.checksum,"
                          " applied_at = now()",
                          2, v);
}

/* A database with a migration that this release does not have is newer than it: hands off. */
static int refuse_newer(struct migrator *m)
{
    char *names[MIGRATE_FILES_MAX];
    size_t n = dir_list(m->src->schema_dir, "", names, 0);
    PGresult *r =
        run_params(m, "version", "select coalesce(max(version), 0) from ops.migration", 0, NULL);
    long ours = 0;
    long theirs = r ? strtol(PQgetvalue(r, 0, 0), NULL, 10) : -1;

    for (size_t i = 0; i < n; i++) {
        long v = strtol(names[i], NULL, 10);

        ours = v > ours ? v : ours;
        free(names[i]);
    }
    PQclear(r);
    if (theirs < 0)
        return -1;
    if (ours == 0)
        return err_set(m->e, ERR_IO, "%s: no migration found", m->src->schema_dir);
    if (theirs > ours)
        return err_set(m->e, ERR_BAD_STATE,
                       "the database has schema %ld, this release knows %ld: use the newer coko",
                       theirs, ours);
    return 0;
}

/* ---- templates: the "sms" object of each menu text file ---- */

static int template_put(struct migrator *m, const char *lang, const char *key, const char *body)
{
    const char *v[] = {key, lang, body};

    return run_done(m, key,
                    "insert into messaging.template (key, lang, body) values ($1, $2, $3)"
                    " on conflict (key, lang) do update set body = excluded.body"
                    " where messaging.template.body <> excluded.body",
                    3, v);
}

static int templates_load(struct migrator *m, const char *name)
{
    char path[1024], lang[16];
    json_error_t at;
    json_t *root, *value;
    const char *key;
    int rc = 0;

    snprintf(path, sizeof path, "%s/%s", m->src->text_dir, name);
    snprintf(lang, sizeof lang, "%.*s", (int)strcspn(name, "."), name);
    root = json_load_file(path, JSON_REJECT_DUPLICATES, &at);
    if (!root)
        return err_set(m->e, ERR_BAD_CONFIG, "%s:%d: %s", path, at.line, at.text);
    json_object_foreach(json_object_get(root, "sms"), key, value) {
        if (rc == 0 && json_is_string(value))
            rc = template_put(m, lang, key, json_string_value(value));
    }
    json_decref(root);
    return rc;
}

static int templates_apply(struct migrator *m)
{
    struct dirent *d;
    DIR *dp = opendir(m->src->text_dir);
    int rc = 0;

    while (dp && rc == 0 && (d = readdir(dp)) != NULL) {
        size_t n = strlen(d->d_name);

        if (n > 5 && n < 16 && strcmp(d->d_name + n - 5, ".json") == 0)
            rc = templates_load(m, d->d_name);
    }
    if (dp)
        closedir(dp);
    return rc;
}

static int apply_all(struct migrator *m)
{
    if (run_text(m, "bookkeeping", bootstrap_sql) != 0 || lease_take(m) != 0)
        return -1;
    int rc = refuse_newer(m);

    if (rc == 0)
        rc = dir_each(m, "", apply_migration);
    if (rc == 0)
        rc = dir_each(m, "functions", apply_if_changed);
    if (rc == 0)
        rc = dir_each(m, "data", apply_if_changed);
    if (rc == 0)
        rc = templates_apply(m);
    lease_release(m);
    return rc;
}

static void quiet(void *arg, const char *notice)
{
    (void)arg;
    (void)notice; /* "already exists, skipping" is what idempotent means */
}

int migrate_run(const struct migrate_source *src, struct err *e)
{
    struct migrator m = {.src = src, .e = e};
    int rc = -1;

    gethostname(m.owner, 40);
    snprintf(m.owner + strlen(m.owner), 16, ":%d", (int)getpid());
    m.db = PQconnectdb(src->database_url);
    PQsetNoticeProcessor(m.db, quiet, NULL);
    if (PQstatus(m.db) != CONNECTION_OK)
        err_set(e, ERR_DB, "cannot connect: %s", PQerrorMessage(m.db));
    else
        rc = apply_all(&m);
    PQfinish(m.db);
    return rc;
}
