/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko margin`: the rows of billing.margin, and an alert for each plan that loses money. See
 * commands.h.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/commands/commands.h"
#include "gateway/config.h"

#define DAYS_MAX 366

/* 0: not a number of days. */
static long days_of(int argc, char **argv)
{
    long days = 30;
    char *end = "";

    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--days") == 0)
            days = strtol(argv[i + 1], &end, 10);
    }
    return *end == '\0' && days >= 1 && days <= DAYS_MAX ? days : 0;
}

static void print_table(const PGresult *r)
{
    printf("%-10s %-3s %-3s %7s %10s %9s %9s %10s %10s %9s %9s  %s\n", "plan", "in", "", "passes",
           "revenue", "segments", "unpriced", "cost", "margin", "price", "full use", "verdict");
    for (int i = 0; i < PQntuples(r); i++) {
        static const int widths[] = {-10, -3, -3, 7, 10, 9, 9, 10, 10, 9, 9};

        for (int col = 0; col < 11; col++)
            printf("%*s ", widths[col], PQgetvalue(r, i, col));
        printf(" %s\n", PQgetvalue(r, i, 11));
    }
}

static int report(PGconn *db, const char *days)
{
    const char *v[] = {days};
    PGresult *r =
        PQexecParams(db, "select * from billing.margin($1::int)", 1, NULL, v, NULL, NULL, 0);
    PGresult *alerts = NULL;
    int code = COMMAND_FAULT;

    if (PQresultStatus(r) == PGRES_TUPLES_OK) {
        print_table(r);
        alerts =
            PQexecParams(db, "select billing.margin_alert($1::int)", 1, NULL, v, NULL, NULL, 0);
    }
    if (PQresultStatus(alerts) == PGRES_TUPLES_OK)
        code = strcmp(PQgetvalue(alerts, 0, 0), "0") == 0 ? COMMAND_OK : COMMAND_FAULT;
    else
        fprintf(stderr, "coko margin: %s", PQerrorMessage(db));
    PQclear(alerts);
    PQclear(r);
    return code;
}

int command_margin(int argc, char **argv)
{
    const char *path;
    char days[24];
    int code = COMMAND_OK;
    long n = days_of(argc, argv);

    if (n == 0)
        return COMMAND_USAGE;
    struct config *c = command_config(argc, argv, &path, &code);

    if (!c)
        return code;
    PGconn *db = PQconnectdb(c->store.database_url);

    snprintf(days, sizeof days, "%ld", n);
    code = report(db, days);
    PQfinish(db);
    config_free(c);
    return code;
}
