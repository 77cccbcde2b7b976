/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko status`: the accounts and their binds (ops.links), then the rows of ops.status() by section;
 * both as one object with --json. See commands.h.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "gateway/commands/commands.h"
#include "gateway/config.h"

enum link_column {
    ACCOUNT,
    WISH,
    BIND,
    STATE,
    OWNER,
    SINCE,
    USED,
    SIZE,
    NOW,
    FULL,
    PER_S,
    THROTTLED,
    ERROR,
    UNSENT,
    OLDEST,
    UNKNOWN
};

static const char links_sql[] =
    "select account, wish, coalesce(bind, '-'), state, coalesce(owner, '-'), coalesce(since_s, 0),"
    " coalesce(window_used, 0), coalesce(window_size, 0), coalesce(rate_now, 0),"
    " coalesce(rate_full, 0), coalesce(sent_per_s, 0), coalesce(throttled, false),"
    " coalesce(error, ''), unsent, coalesce(oldest_unsent_s, 0), unknown from ops.links()";

static const char json_sql[] =
    "select jsonb_pretty(jsonb_build_object("
    "'links', coalesce((select jsonb_agg(to_jsonb(l)) from ops.links() l), '[]'),"
    "'rows', coalesce((select jsonb_agg(to_jsonb(s)) from ops.status() s), '[]')))";

static void print_link(const PGresult *r, int i)
{
#define CELL(column) PQgetvalue(r, i, column)
    printf("  %-16s %-6s %-11s %-16s %7ss %5s/%-5s %6s/%-6s %7s %7s %7ss %8s%s%s%s\n", CELL(BIND),
           CELL(WISH), CELL(STATE), CELL(OWNER), CELL(SINCE), CELL(USED), CELL(SIZE), CELL(NOW),
           CELL(FULL), CELL(PER_S), CELL(UNSENT), CELL(OLDEST), CELL(UNKNOWN),
           *CELL(THROTTLED) == 't' ? " throttled" : "", *CELL(ERROR) != '\0' ? " " : "",
           CELL(ERROR));
#undef CELL
}

static void print_links(const PGresult *r)
{
    if (PQntuples(r) == 0)
        return;
    printf("links\n  %-16s %-6s %-11s %-16s %8s %11s %13s %7s %7s %8s %8s\n", "bind", "wish",
           "state", "owner", "since", "window", "rate/contract", "sent/s", "unsent", "oldest",
           "unknown");
    for (int i = 0; i < PQntuples(r); i++)
        print_link(r, i);
}

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

static void print_json(const PGresult *r)
{
    printf("%s\n", PQgetvalue(r, 0, 0));
}

static int show(PGconn *db, const char *sql, void (*print)(const PGresult *r))
{
    PGresult *r = command_rows(db, sql, 0, NULL);

    if (r == NULL)
        return COMMAND_FAULT;
    print(r);
    PQclear(r);
    return COMMAND_OK;
}

int command_status(int argc, char **argv)
{
    const char *path;
    int code = COMMAND_OK;
    struct config *c = command_config(argc, argv, &path, &code);

    if (!c)
        return code;
    PGconn *db = PQconnectdb(c->store.database_url);

    if (command_flag(argc, argv, "--json")) {
        code = show(db, json_sql, print_json);
    } else {
        code = show(db, links_sql, print_links);
        if (code == COMMAND_OK)
            code = show(db, "select section, name, value from ops.status()", print_rows);
    }
    PQfinish(db);
    config_free(c);
    return code;
}
