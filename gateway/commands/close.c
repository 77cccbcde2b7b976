/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko close`: a day's money on one page: what our books have, what the rails say, the difference and
 * each of its parts by name. A person closes the day in his own name (staff.h) when it is zero or
 * explained; the database judges that, and keeps the page. See commands.h.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/staff.h"

struct request {
    const char *words[2]; /* "close", day */
    size_t nwords;
    const char *by, *key_file;
    bool look, bad;
};

static struct request request_read(int argc, char **argv)
{
    static const struct command_word flags[] = {{"--by", offsetof(struct request, by)},
                                                {"--key-file", offsetof(struct request, key_file)}};
    struct request r = {.by = command_operator()};
    int n = 0;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--look") == 0)
            r.look = true;
        else
            argv[n++] = argv[i];
    }
    r.bad = !command_words_read(&r, flags, ARRAY_LEN(flags), n, argv, r.words, ARRAY_LEN(r.words),
                                &r.nwords);
    return r;
}

static void figures_print(const PGresult *got)
{
    const char *section = "";

    for (int i = 0; i < PQntuples(got); i++) {
        if (strcmp(section, PQgetvalue(got, i, 0)) != 0) {
            section = PQgetvalue(got, i, 0);
            printf("\n%s\n", section);
        }
        printf("  %-24s %8s %14s  %s\n", PQgetvalue(got, i, 1), PQgetvalue(got, i, 2),
               PQgetvalue(got, i, 3), PQgetvalue(got, i, 4));
    }
    if (PQntuples(got) == 0)
        printf("\nno money moved\n");
}

static void items_print(const PGresult *got)
{
    if (PQntuples(got) > 0)
        printf("\ndifferences: ours more than the rail's\n");
    for (int i = 0; i < PQntuples(got); i++) {
        printf("  %8s  %-14s %10s %s  %s  %s%s%s\n", PQgetvalue(got, i, 0), PQgetvalue(got, i, 1),
               PQgetvalue(got, i, 3), PQgetvalue(got, i, 2), PQgetvalue(got, i, 4),
               PQgetvalue(got, i, 5), *PQgetvalue(got, i, 6) ? "; " : "", PQgetvalue(got, i, 6));
    }
}

static const char items_sql[] =
    "select i.item, i.rail, i.currency, i.amount_minor,"
    " case when i.is_open then 'OPEN     ' else 'explained' end, i.what,"
    " billing.no_number(i.explanation)"
    " from billing.close_items($1::date) i";

static int day_print(PGconn *db, const char *day)
{
    PGresult *figures = command_rows(db, "select * from billing.close_figures($1::date)", 1, &day);
    PGresult *items = figures ? command_rows(db, items_sql, 1, &day) : NULL;

    if (items) {
        printf("money of %s (UTC), minor units\n", day);
        figures_print(figures);
        items_print(items);
        printf("\n");
    }
    int code = items ? COMMAND_OK : COMMAND_FAULT;

    PQclear(figures);
    PQclear(items);
    return code;
}

static const struct {
    const char *outcome, *text;
    bool closed;
} outcomes[] = {
    {"ok", "closed by", true},
    {"closed", "was closed by", true},
    {"ready", "may be closed", true},
    {"who", "not closed: this key is nobody's who may decide about money", false},
    {"not_over", "not closed: the day is not over", false},
    {"no_statement", "not closed: statements do not tell of the whole day:", false},
    {"open", "not closed: differences without explanation (coko statements explain):", false},
    {"wrong",
     "not closed: the differences named do not make up the difference, which is a fault"
     " of coko's own",
     false},
};

/* Of one row: outcome, detail. */
static int told(PGresult *got, const char *day)
{
    int code = COMMAND_FAULT;

    for (size_t i = 0; got && i < ARRAY_LEN(outcomes); i++) {
        if (strcmp(PQgetvalue(got, 0, 0), outcomes[i].outcome) != 0)
            continue;
        fprintf(outcomes[i].closed ? stdout : stderr, "%s %s %s\n", day, outcomes[i].text,
                PQgetvalue(got, 0, 1));
        code = outcomes[i].closed ? COMMAND_OK : COMMAND_FAULT;
    }
    PQclear(got);
    return code;
}

static int close_run(PGconn *db, const struct config *c, void *arg)
{
    const struct request *r = arg;
    char macs[READER_CODE_MACS_MAX];
    const char *v[] = {macs, r->by, r->words[1]};

    if (day_print(db, r->words[1]) != COMMAND_OK)
        return COMMAND_FAULT;
    (void)fflush(stdout);
    if (r->look)
        return told(
            command_rows(db, "select * from billing.close_state($1::date)", 1, &r->words[1]),
            r->words[1]);
    if (!staff_key_read(c, r->key_file, macs))
        return COMMAND_FAULT;
    return told(
        command_rows(db, "select * from billing.close_day($1::bytea[], $2, $3::date)", 3, v),
        r->words[1]);
}

int command_close(int argc, char **argv)
{
    struct request r = request_read(argc, argv);

    if (r.bad || r.nwords != 2 || !command_is_day(r.words[1]))
        return COMMAND_USAGE;
    return command_with_database(argc, argv, close_run, &r);
}
