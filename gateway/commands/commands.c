/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's commands that need no running daemon. See commands.h.
 */
#include "gateway/commands/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/config.h"
#include "gateway/io/pg.h"
#include "gateway/lib/jsonw.h"
#include "gateway/migrate.h"
#include "gateway/supervisor.h"

int command_flag(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], word) == 0)
            return 1;
    }
    return 0;
}

const char **command_word(void *words, const struct command_word *w, size_t n, const char *flag)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(flag, w[i].flag) == 0)
            return (const char **)(void *)((char *)words + w[i].offset);
    }
    return NULL;
}

bool command_words_read(void *into, const struct command_word *flags, size_t n, int argc,
                        char **argv, const char **words, size_t max, size_t *nwords)
{
    bool good = true;

    for (int i = 0; i < argc; i++) {
        const char **value = command_word(into, flags, n, argv[i]);
        bool more = i + 1 < argc;

        if (more && value)
            *value = argv[++i];
        else if (more && strcmp(argv[i], "-c") == 0)
            i++; /* command_config reads it */
        else if (*nwords == max || *argv[i] == '-')
            good = false;
        else
            words[(*nwords)++] = argv[i];
    }
    return good;
}

bool command_is_day(const char *text)
{
    static const char form[] = "dddd-dd-dd";
    size_t i = 0;

    if (!text)
        return true;
    while (form[i] && (form[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == form[i]))
        i++;
    return !form[i] && !text[i];
}

int command_told(PGconn *db, PGresult *got, const char *command, const char *what,
                 const struct command_outcome *known, size_t n, const char *const *topics)
{
    int code = COMMAND_FAULT;

    if (!got)
        return code;
    const char *outcome = PQgetvalue(got, 0, 0), *detail = PQgetvalue(got, 0, 1);

    if (strcmp(outcome, "ok") == 0) {
        char notify[64];

        printf("%s%s%s\n", what, *detail ? " " : "", detail);
        for (; *topics; topics++) {
            snprintf(notify, sizeof notify, "NOTIFY %s", *topics);
            PQclear(PQexec(db, notify));
        }
        code = COMMAND_OK;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(outcome, known[i].outcome) == 0)
            fprintf(stderr, "coko %s: %s%s%s%s\n", command, known[i].text, *detail ? " (" : "",
                    detail, *detail ? ")" : "");
    }
    PQclear(got);
    return code;
}

int command_table(PGresult *got, const char *const *heads, const int *widths, int ncols)
{
    if (!got)
        return COMMAND_FAULT;
    for (int col = 0; col < ncols; col++)
        printf("%*s%s", widths[col], heads[col], col + 1 < ncols ? " " : "\n");
    for (int i = 0; i < PQntuples(got); i++) {
        for (int col = 0; col < ncols; col++)
            printf("%*s%s", widths[col], PQgetvalue(got, i, col), col + 1 < ncols ? " " : "\n");
    }
    PQclear(got);
    return COMMAND_OK;
}

static const char *config_path(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "-c") == 0)
            return argv[i + 1];
    }
    return access("coko.ini", R_OK) == 0 ? "coko.ini" : "";
}

struct config *command_config(int argc, char **argv, const char **path, int *exit_code)
{
    struct fault_list faults;

    *path = config_path(argc, argv);
    fault_init(&faults);
    struct config *c = config_load(*path, &faults);

    if (!c) {
        fprintf(stderr, "%scoko: %zu fault%s in the configuration\n", buf_cstr(&faults.text),
                faults.count, faults.count == 1 ? "" : "s");
        *exit_code = COMMAND_FAULT;
    }
    fault_fini(&faults);
    return c;
}

int command_serve(int argc, char **argv)
{
    const char *path;
    int code = COMMAND_OK;
    struct config *c = command_config(argc, argv, &path, &code);

    return c ? supervisor_run(c, path) : code;
}

int command_migrate(int argc, char **argv)
{
    const char *path;
    int code = COMMAND_OK;
    char schema[1024], text[1024];
    struct err e = {0};
    struct config *c = command_config(argc, argv, &path, &code);

    if (!c)
        return code;
    snprintf(schema, sizeof schema, "%s/deploy/schema", c->core.data_dir);
    snprintf(text, sizeof text, "%s/menus/coko/text", c->core.data_dir);
    struct migrate_source src = {
        .database_url = c->store.database_url, .schema_dir = schema, .text_dir = text};

    if (migrate_run(&src, &e) != 0) {
        fprintf(stderr, "coko migrate: %s\n", e.msg);
        code = COMMAND_FAULT;
    }
    config_free(c);
    return code;
}

int command_check(int argc, char **argv)
{
    const char *path;
    int code = COMMAND_OK;
    struct buf out;

    buf_init(&out, 1 << 20);
    if (command_flag(argc, argv, "--options")) {
        config_options(&out);
        fwrite(out.p, 1, out.len, stdout);
        buf_fini(&out);
        return COMMAND_OK;
    }
    struct config *c = command_config(argc, argv, &path, &code);

    if (c && command_flag(argc, argv, "--print")) {
        config_print(c, &out);
        fwrite(out.p, 1, out.len, stdout);
    } else if (c) {
        printf("%s: ok\n", *path ? path : "environment");
    }
    buf_fini(&out);
    config_free(c);
    return code;
}

int command_sql(int argc, char **argv)
{
    struct buf out;

    (void)argc;
    (void)argv;
    buf_init(&out, 4 << 20);
    for (const struct pg_stmt *s = pg_stmt_first(); s; s = s->next) {
        struct jsonw j;

        jsonw_init(&j, &out);
        jsonw_object(&j);
        jsonw_kv_cstr(&j, "name", s->name);
        jsonw_kv_cstr(&j, "lane", pg_lane_name(s->lane));
        jsonw_kv_i64(&j, "params", s->nparams);
        jsonw_kv_cstr(&j, "sql", s->sql);
        jsonw_end(&j);
        buf_addc(&out, '\n');
    }
    fwrite(out.p, 1, out.len, stdout);
    buf_fini(&out);
    return COMMAND_OK;
}

int command_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("coko %s\n", COKO_VERSION);
    return COMMAND_OK;
}
