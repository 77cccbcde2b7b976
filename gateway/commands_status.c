/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko status`: the rows of ops.status(), by section. See commands.h.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "gateway/commands.h"
#include "gateway/config.h"

static void print_rows(const PGresult *r)
{
    const char *section = "";

    for (int i = 0; i < PQntuples(r); i++) {
        if (strcmp(section, PQgetvalue(r, i, 0)) != 0) {
            section = PQgetvalue(r, i, 0);
            printf("%s\n", section);
        }
        printf("  %-28s %s\n", PQgetvalue(r, i, 1), PQgetvalue(r, i, 2));
    }
    if (PQntuples(r) == 0)
        printf("nothing is waiting, nobody holds a lease\n");
}

int command_status(int argc, char **argv)
{
    const char *path;
    int code = COMMAND_OK;
    struct config *c = command_config(argc, argv, &path, &code);

    if (!c)
        return code;
    PGconn *db = PQconnectdb(c->store.database_url);
    PGresult *r = PQexec(db, "select section, name, value from ops.status()");

    if (PQresultStatus(r) == PGRES_TUPLES_OK) {
        print_rows(r);
    } else {
        fprintf(stderr, "coko status: %s", PQerrorMessage(db));
        code = COMMAND_FAULT;
    }
    PQclear(r);
    PQfinish(db);
    config_free(c);
    return code;
}
