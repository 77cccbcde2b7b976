/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko import`. See commands.h.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "gateway/books/import.h"
#include "gateway/commands/commands.h"
#include "gateway/config.h"

/* Whether argv[i] is a file to import, not an option or its value. */
static bool is_book(int i, char **argv)
{
    return argv[i][0] != '-' && strcmp(argv[i - 1], "-c") != 0;
}

static int import_all(PGconn *db, int argc, char **argv)
{
    int code = COMMAND_OK;

    for (int i = 1; i < argc; i++) {
        struct import_result r;
        struct err e = {0};

        if (!is_book(i, argv))
            continue;
        if (import_file(db, argv[i], &r, &e) == 0) {
            printf("%s: %s, \"%s\", %zu parts\n", argv[i], r.outcome, r.title, r.parts);
        } else {
            fprintf(stderr, "%s: refused: %s\n", argv[i], e.msg);
            code = COMMAND_FAULT;
        }
    }
    return code;
}

int command_import(int argc, char **argv)
{
    const char *path;
    int code = COMMAND_OK, books = 0;

    for (int i = 1; i < argc; i++)
        books += is_book(i, argv);
    if (books == 0)
        return COMMAND_USAGE;
    struct config *c = command_config(argc, argv, &path, &code);

    if (!c)
        return code;
    PGconn *db = PQconnectdb(c->store.database_url);

    if (PQstatus(db) == CONNECTION_OK) {
        code = import_all(db, argc, argv);
    } else {
        fprintf(stderr, "coko import: cannot connect: %s", PQerrorMessage(db));
        code = COMMAND_FAULT;
    }
    PQfinish(db);
    config_free(c);
    return code;
}
