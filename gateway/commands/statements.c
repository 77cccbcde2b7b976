/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko statements`: the rails' own books against ours. See commands.h.
 *
 * Importing and matching need no proof: they book what a rail kept of its money and put what is
 * nobody's in suspense; nobody is paid, and no charge settled, by a file. Explaining a difference is
 * a person's word, by his own key (staff.h). A file comes in whole or not at all: its bytes are read
 * and judged here, its lines in one transaction of the database.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/staff.h"
#include "gateway/lib/basenc.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/file.h"
#include "gateway/money/statement.h"

#define MATCH_STEP "500" /* lines in one transaction */
#define SHOWN_MAX  "200"
#define TEXT_MAX   300

struct request {
    const char *words[4]; /* "statements", verb, rail or item, file */
    size_t nwords;
    const char *by, *key_file, *format, *day, *from, *to, *text;
    bool bad;
};

static struct request request_read(int argc, char **argv)
{
    static const struct command_word flags[] = {{"--by", offsetof(struct request, by)},
                                                {"--key-file", offsetof(struct request, key_file)},
                                                {"--format", offsetof(struct request, format)},
                                                {"--day", offsetof(struct request, day)},
                                                {"--from", offsetof(struct request, from)},
                                                {"--to", offsetof(struct request, to)},
                                                {"--text", offsetof(struct request, text)}};
    struct request r = {.by = command_operator()};

    r.bad = !command_words_read(&r, flags, ARRAY_LEN(flags), argc, argv, r.words,
                                ARRAY_LEN(r.words), &r.nwords);
    if (r.day)
        r.from = r.to = r.day;
    return r;
}

/* ---- import ---- */

static void sha_hex(struct str bytes, char hex[2 * CRYPTO_SHA256_LEN + 1])
{
    uint8_t sha[CRYPTO_SHA256_LEN];
    struct buf b;

    crypto_sha256(bytes, sha);
    buf_init_fixed(&b, hex, 2 * CRYPTO_SHA256_LEN + 1);
    hex_encode(&b, sha, sizeof sha);
    (void)buf_cstr(&b);
}

/* What the database said of the file: one row, or a row a fault. */
static int import_told(PGresult *got, const char *file)
{
    int code = got ? COMMAND_OK : COMMAND_FAULT;

    for (int i = 0; got && i < PQntuples(got); i++) {
        const char *outcome = PQgetvalue(got, i, 0), *detail = PQgetvalue(got, i, 2);

        code = strcmp(outcome, "ok") == 0 ? COMMAND_OK : COMMAND_FAULT;
        if (code == COMMAND_OK)
            printf("%s\n", detail);
        else if (strcmp(outcome, "already") == 0)
            fprintf(stderr, "%s: already imported: %s\n", file, detail);
        else if (strcmp(outcome, "no_rail") == 0)
            fprintf(stderr, "coko statements: no rail has a statement named %s\n", detail);
        else if (strcmp(outcome, "no_day") == 0)
            fprintf(stderr, "%s: no line in it; of which day is it? --day YYYY-MM-DD\n", file);
        else
            fprintf(stderr, "%s:%s: %s\n", file, PQgetvalue(got, i, 1), detail);
    }
    PQclear(got);
    return code;
}

static int import_lines(PGconn *db, const struct request *r, const struct statement_format *f,
                        struct str bytes, struct fault_list *faults)
{
    char sha[2 * CRYPTO_SHA256_LEN + 1];
    struct buf json;
    size_t lines;
    int code = COMMAND_FAULT;

    buf_init(&json, 4ull * STATEMENT_FILE_MAX);
    sha_hex(bytes, sha);
    if (statement_read(f, r->words[3], bytes, &json, &lines, faults) == 0) {
        const char *v[] = {r->words[2], sha, f->zone, r->from, r->to, buf_cstr(&json), r->by};

        code = import_told(command_rows(db,
                                        "select outcome, line_no, detail from"
                                        " billing.statement_import($1, decode($2, 'hex'), $3,"
                                        " $4::date, $5::date, $6::jsonb, $7)",
                                        7, v),
                           r->words[3]);
    }
    buf_fini(&json);
    return code;
}

static int statements_import(PGconn *db, const struct config *c, const struct request *r)
{
    struct statement_format f;
    struct fault_list faults;
    char path[1200];
    struct buf bytes;
    struct err e = {0};
    int code = COMMAND_FAULT;

    buf_init(&bytes, STATEMENT_FILE_MAX);
    fault_init(&faults);
    (void)snprintf(path, sizeof path, "%s/gateway/money/statements/%s.json", c->core.data_dir,
                   r->words[2]);
    const char *format = r->format ? r->format : path;

    if (file_read(r->words[3], &bytes, &e) != 0) {
        (void)fault_add(&faults, r->words[3], 0, "%s", e.msg);
    } else if (statement_format_load(format, &f, &faults) == 0) {
        if (strcmp(f.name, r->words[2]) == 0)
            code = import_lines(db, r, &f, buf_str(&bytes), &faults);
        else
            (void)fault_add(&faults, format, 0, "a format of %s, not of %s", f.name, r->words[2]);
    }
    fputs(buf_cstr(&faults.text), stderr);
    if (code != COMMAND_OK)
        fprintf(stderr, "%s: nothing was imported\n", r->words[3]);
    fault_fini(&faults);
    buf_fini(&bytes);
    return code;
}

/* ---- match ---- */

#define COUNTS 5

/* Adds one step's counts; false when it was the last, *failed when it failed. */
static bool match_step(PGconn *db, const struct request *r, char after[24], long long n[COUNTS],
                       bool *failed)
{
    const char *v[] = {after, r->day, r->by};
    PGresult *got =
        command_rows(db,
                     "select last_id, matched, waiting, review, suspense, noted from"
                     " billing.statement_match($1::bigint, " MATCH_STEP ", $2::date, $3)",
                     3, v);
    bool more = got && !PQgetisnull(got, 0, 0);

    *failed = !got;
    for (int i = 0; more && i < COUNTS; i++)
        n[i] += strtoll(PQgetvalue(got, 0, i + 1), NULL, 10);
    if (more)
        (void)snprintf(after, 24, "%s", PQgetvalue(got, 0, 0));
    PQclear(got);
    return more;
}

static int statements_match(PGconn *db, const struct config *c, const struct request *r)
{
    const char *v[] = {r->day};
    long long n[COUNTS] = {0};
    char after[24] = "0";
    bool failed;

    (void)c;
    while (match_step(db, r, after, n, &failed))
        ;
    PGresult *missing =
        failed ? NULL
               : command_rows(db,
                              "select billing.statement_missing_find(coalesce($1::date,"
                              " (ops.now() at time zone 'utc')::date - 7), coalesce($1::date,"
                              " (ops.now() at time zone 'utc')::date))",
                              1, v);

    if (!missing)
        return COMMAND_FAULT;
    printf("matched %lld, waiting %lld, review %lld, suspense %lld, noted %lld; newly missing at"
           " the rails %s\n",
           n[0], n[1], n[2], n[3], n[4], PQgetvalue(missing, 0, 0));
    PQclear(missing);
    PQclear(PQexec(db, "NOTIFY coko_charge"));
    return COMMAND_OK;
}

/* ---- show and explain ---- */

static int statements_show(PGconn *db, const struct config *c, const struct request *r)
{
    static const char *const heads[] = {"item",   "at (UTC)", "rail", "kind",
                                        "amount", "state",    "what"};
    static const int widths[] = {8, -16, -14, -8, 12, -8, 0};
    static const char *const files[] = {"statement", "rail",          "from (UTC)", "to",
                                        "lines",     "new lines are", "imported by"};
    static const int file_widths[] = {9, -14, -16, -16, 6, -24, 0};
    const char *v[] = {r->day};
    int code = command_table(command_rows(db, "select * from billing.statement_list(20)", 0, NULL),
                             files, file_widths, 7);

    (void)c;
    printf("\n");
    if (code == COMMAND_OK)
        code = command_table(
            command_rows(db, "select * from billing.statement_open($1::date, " SHOWN_MAX ")", 1, v),
            heads, widths, 7);
    return code;
}

static int statements_explain(PGconn *db, const struct config *c, const struct request *r)
{
    char macs[READER_CODE_MACS_MAX];
    const char *v[] = {macs, r->by, r->words[2], r->text};
    int code = COMMAND_FAULT;

    if (!staff_key_read(c, r->key_file, macs))
        return code;
    PGresult *got = command_rows(
        db, "select outcome, detail from billing.statement_explain($1::bytea[], $2, $3, $4)", 4, v);

    if (got && strcmp(PQgetvalue(got, 0, 0), "ok") == 0) {
        printf("%s: explained (%s)\n", r->words[2], PQgetvalue(got, 0, 1));
        code = COMMAND_OK;
    } else if (got) {
        fprintf(stderr, "coko statements: %s\n",
                strcmp(PQgetvalue(got, 0, 0), "who") == 0
                    ? "this key is nobody's who may decide about money"
                    : "no open difference has that name (coko statements show)");
    }
    PQclear(got);
    return code;
}

/* ---- the verbs ---- */

static const struct verb {
    const char *name;
    size_t nwords;
    int (*run)(PGconn *db, const struct config *c, const struct request *r);
} verbs[] = {{"import", 4, statements_import},
             {"match", 2, statements_match},
             {"show", 2, statements_show},
             {"explain", 3, statements_explain}};

static const struct verb *verb_find(const struct request *r)
{
    bool text = r->text && *r->text && strlen(r->text) <= TEXT_MAX;

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        const struct verb *v = &verbs[i];

        if (r->bad || r->nwords != v->nwords || strcmp(r->words[1], v->name) != 0)
            continue;
        if (v->run == statements_explain && !text)
            return NULL;
        if (v->run == statements_import && strchr(r->words[2], '/'))
            return NULL;
        return command_is_day(r->from) && command_is_day(r->to) && !r->from == !r->to ? v : NULL;
    }
    return NULL;
}

static int request_run(PGconn *db, const struct config *c, void *arg)
{
    const struct request *r = arg;

    return verb_find(r)->run(db, c, r);
}

int command_statements(int argc, char **argv)
{
    struct request r = request_read(argc, argv);

    return verb_find(&r) ? command_with_database(argc, argv, request_run, &r) : COMMAND_USAGE;
}
