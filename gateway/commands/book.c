/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko book`: what became of a book's instalments, who of its authors sees that by REST, and the
 * rule for its letters. See commands.h.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "gateway/commands/commands.h"
#include "gateway/config.h"
#include "gateway/lib/base.h"

struct request {
    const char *words[4]; /* "book", verb, slug, rule or reader */
    size_t nwords;
    const char *by;
    bool bad;
};

static struct request request_read(int argc, char **argv)
{
    struct request r = {.by = command_operator()};

    for (int i = 0; i < argc; i++) {
        bool more = i + 1 < argc;

        if (more && strcmp(argv[i], "-c") == 0)
            i++; /* command_config reads it */
        else if (more && strcmp(argv[i], "--by") == 0)
            r.by = argv[++i];
        else if (r.nwords == ARRAY_LEN(r.words) || *argv[i] == '-')
            r.bad = true;
        else
            r.words[r.nwords++] = argv[i];
    }
    return r;
}

static int book_fold(PGconn *db, const struct request *r)
{
    const char *v[] = {r->by, r->words[2], r->words[3]};
    PGresult *got =
        command_rows(db, "select outcome, rule from catalog.set_fold($1, $2, $3)", 3, v);
    int code = COMMAND_FAULT;

    if (got == NULL)
        return code;
    if (strcmp(PQgetvalue(got, 0, 0), "set") == 0) {
        printf("%s: %s\n", r->words[2], PQgetvalue(got, 0, 1));
        code = COMMAND_OK;
    } else {
        fprintf(stderr, "coko book: no book %s\n", r->words[2]);
    }
    PQclear(got);
    return code;
}

static int book_author(PGconn *db, const struct request *r)
{
    const char *v[] = {r->by, r->words[2], r->words[3]};
    PGresult *got = command_rows(db, "select catalog.set_author_reader($1, $2, $3)", 3, v);
    int code = COMMAND_FAULT;

    if (got == NULL)
        return code;
    if (strcmp(PQgetvalue(got, 0, 0), "set") == 0)
        code = COMMAND_OK;
    else if (strcmp(PQgetvalue(got, 0, 0), "no_author") == 0)
        fprintf(stderr, "coko book: no author %s\n", r->words[2]);
    else
        fprintf(stderr, "coko book: no reader %s; it is user.id of the author's log-in over REST\n",
                r->words[3]);
    PQclear(got);
    return code;
}

/* Counted now: who asks at a terminal does not want the last hour's. */
static int book_deliveries(PGconn *db, const struct request *r)
{
    PGresult *got = command_rows(db, "select messaging.count_deliveries()", 0, NULL);

    if (got == NULL)
        return COMMAND_FAULT;
    PQclear(got);
    got = command_rows(db,
                       "select part, state, messages, segments from messaging.book_deliveries($1)",
                       1, &r->words[2]);
    if (got == NULL)
        return COMMAND_FAULT;
    printf("%6s  %-11s %10s %10s\n", "part", "state", "messages", "segments");
    for (int i = 0; i < PQntuples(got); i++)
        printf("%6s  %-11s %10s %10s\n", PQgetvalue(got, i, 0), PQgetvalue(got, i, 1),
               PQgetvalue(got, i, 2), PQgetvalue(got, i, 3));
    PQclear(got);
    return COMMAND_OK;
}

static bool is_rule(const char *word)
{
    static const char *const rules[] = {"keep", "cheap", "always", "language"};

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (strcmp(word, rules[i]) == 0)
            return true;
    }
    return false;
}

static const struct verb {
    const char *name;
    size_t nwords;
    int (*run)(PGconn *db, const struct request *r);
} verbs[] = {
    {"deliveries", 3, book_deliveries}, {"fold", 4, book_fold}, {"author", 4, book_author}};

static const struct verb *verb_find(const struct request *r)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        const struct verb *v = &verbs[i];

        if (!r->bad && r->nwords == v->nwords && strcmp(r->words[1], v->name) == 0)
            return v->run != book_fold || is_rule(r->words[3]) ? v : NULL;
    }
    return NULL;
}

int command_book(int argc, char **argv)
{
    struct request r = request_read(argc, argv);
    const struct verb *verb = verb_find(&r);
    const char *path;
    int code = COMMAND_OK;

    if (verb == NULL)
        return COMMAND_USAGE;
    struct config *c = command_config(argc, argv, &path, &code);

    if (c == NULL)
        return code;
    PGconn *db = PQconnectdb(c->store.database_url);

    code = verb->run(db, &r);
    PQfinish(db);
    config_free(c);
    return code;
}
