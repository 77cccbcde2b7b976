/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko royalties`: divides a month among the authors (billing.royalty_run), and shows what each has.
 * No money leaves by it. See commands.h.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "gateway/commands/commands.h"
#include "gateway/config.h"
#include "gateway/lib/base.h"

#define LINE_COLS 8

struct request {
    const char *words[3]; /* "royalties", verb, month */
    size_t nwords;
    const char *by, *country;
    bool csv, bad;
};

static struct request request_read(int argc, char **argv)
{
    static const struct command_word flags[] = {{"--by", offsetof(struct request, by)},
                                                {"--country", offsetof(struct request, country)}};
    struct request r = {.by = command_operator()};

    for (int i = 0; i < argc; i++) {
        const char **value = command_word(&r, flags, ARRAY_LEN(flags), argv[i]);

        if (i + 1 < argc && value)
            *value = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "-c") == 0)
            i++; /* command_config reads it */
        else if (strcmp(argv[i], "--csv") == 0)
            r.csv = true;
        else if (r.nwords == ARRAY_LEN(r.words) || *argv[i] == '-')
            r.bad = true;
        else
            r.words[r.nwords++] = argv[i];
    }
    return r;
}

/* YYYY-MM. */
static bool is_month(const char *text)
{
    static const char form[] = "dddd-dd";

    for (size_t i = 0; i < sizeof form; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';

        if (form[i] == 'd' ? !digit : text[i] != form[i])
            return false;
    }
    return strcmp(text + 5, "01") >= 0 && strcmp(text + 5, "12") <= 0 && strcmp(text, "2000") > 0;
}

static int royalties_run(PGconn *db, const char *month, const struct request *r)
{
    const char *v[] = {month, r->country, r->by};
    PGresult *got = command_rows(
        db, "select * from billing.royalty_runs(to_date($1, 'YYYY-MM'), $2, $3)", 3, v);
    int code = got && PQntuples(got) > 0 ? COMMAND_OK : COMMAND_FAULT;

    if (got && code == COMMAND_FAULT)
        fprintf(stderr, "coko royalties: no such country, or nothing is sold anywhere\n");
    for (int i = 0; got && i < PQntuples(got); i++) {
        const char *outcome = PQgetvalue(got, i, 1);

        printf("%s %-8s pot %s, to authors %s %s\n", PQgetvalue(got, i, 0), outcome,
               PQgetvalue(got, i, 3), PQgetvalue(got, i, 4), PQgetvalue(got, i, 2));
        if (strcmp(outcome, "ok") != 0 && strcmp(outcome, "done") != 0)
            code = COMMAND_FAULT;
    }
    PQclear(got);
    return code;
}

/* A field by RFC 4180: in quotes, and each quote twice. */
static void print_csv(const char *text, char end)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    printf("\"%c", end);
}

static int royalties_show(PGconn *db, const char *month, const struct request *r)
{
    static const char *const heads[LINE_COLS] = {"country", "author",  "name",   "book",
                                                 "kind",    "sold_in", "amount", "currency"};
    static const int widths[LINE_COLS] = {-8, -20, -24, -24, -7, -8, 12, 0};
    const char *v[] = {month};
    PGresult *got =
        command_rows(db, "select * from billing.royalty_lines(to_date($1, 'YYYY-MM'))", 1, v);

    for (int i = -1; got && i < PQntuples(got); i++) {
        for (int col = 0; col < LINE_COLS; col++) {
            const char *text = i < 0 ? heads[col] : PQgetvalue(got, i, col);
            char end = col + 1 < LINE_COLS ? ',' : '\n';

            if (r->csv)
                print_csv(text, end);
            else
                printf("%*s%c", widths[col], text, end == ',' ? ' ' : end);
        }
    }
    PQclear(got);
    return got ? COMMAND_OK : COMMAND_FAULT;
}

static const struct verb {
    const char *name;
    int (*run)(PGconn *db, const char *month, const struct request *r);
} verbs[] = {{"run", royalties_run}, {"show", royalties_show}};

static const struct verb *verb_find(const struct request *r)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!r->bad && r->nwords == 3 && strcmp(r->words[1], verbs[i].name) == 0 &&
            is_month(r->words[2]))
            return &verbs[i];
    }
    return NULL;
}

static int request_run(PGconn *db, const struct config *c, void *arg)
{
    const struct request *r = arg;

    (void)c;
    return verb_find(r)->run(db, r->words[2], r);
}

int command_royalties(int argc, char **argv)
{
    struct request r = request_read(argc, argv);

    return verb_find(&r) ? command_with_database(argc, argv, request_run, &r) : COMMAND_USAGE;
}
