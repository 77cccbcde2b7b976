/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko menus graph`: the flow as SVG, drawn by graphviz in a child process, or as dot source or
 * JSON. With --stats the figures of the last days are read from the database (ops.screen_stats,
 * ops.screen_steps). See commands.h.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/commands/menus.h"
#include "gateway/config.h"

extern char **environ;

#define DAYS_DEFAULT "7"

struct graph_args {
    const char *dir, *lang, *days, *config;
    bool dot, json, stats;
};

/* ---- figures ----------------------------------------------------------------------------------- */

struct figures {
    struct menu_stats stats;
    PGresult *screens, *steps;
};

static uint64_t number(const PGresult *r, int row, int col)
{
    return strtoull(PQgetvalue(r, row, col), NULL, 10);
}

static void take_screens(struct figures *f)
{
    int n = PQntuples(f->screens);
    struct menu_screen_stat *s = calloc((size_t)n + 1, sizeof *s);

    if (!s)
        abort();
    for (int i = 0; i < n; i++)
        s[i] = (struct menu_screen_stat){
            PQgetvalue(f->screens, i, 0),      number(f->screens, i, 1), number(f->screens, i, 2),
            number(f->screens, i, 3),          number(f->screens, i, 4), number(f->screens, i, 5),
            (unsigned)number(f->screens, i, 6)};
    f->stats.screens = s;
    f->stats.nscreens = (size_t)n;
}

static void take_steps(struct figures *f)
{
    int n = PQntuples(f->steps);
    struct menu_step_stat *s = calloc((size_t)n + 1, sizeof *s);

    if (!s)
        abort();
    for (int i = 0; i < n; i++)
        s[i] = (struct menu_step_stat){PQgetvalue(f->steps, i, 0), PQgetvalue(f->steps, i, 1),
                                       number(f->steps, i, 2)};
    f->stats.steps = s;
    f->stats.nsteps = (size_t)n;
}

static int figures_read(const struct graph_args *a, struct figures *f)
{
    char *argv[] = {(char *)"graph", (char *)"-c", (char *)a->config, NULL};
    const char *path;
    int code = COMMAND_OK;
    struct config *c = command_config(a->config ? 3 : 1, argv, &path, &code);

    if (!c)
        return code;
    PGconn *db = PQconnectdb(c->store.database_url);

    f->screens = command_rows(db,
                              "select screen, entered, answered, invalid, back, dropped, ms"
                              " from ops.screen_stats(ops.now() - make_interval(days => $1::int),"
                              " ops.now())",
                              1, &a->days);
    if (f->screens)
        f->steps = command_rows(db,
                                "select from_screen, screen, times"
                                " from ops.screen_steps(ops.now() - make_interval(days => $1::int),"
                                " ops.now())",
                                1, &a->days);
    PQfinish(db);
    config_free(c);
    if (!f->steps)
        return COMMAND_FAULT;
    take_screens(f);
    take_steps(f);
    return COMMAND_OK;
}

static void figures_free(struct figures *f)
{
    free((void *)f->stats.screens);
    free((void *)f->stats.steps);
    PQclear(f->screens);
    PQclear(f->steps);
}

/* ---- graphviz ---------------------------------------------------------------------------------- */

/* dot reads the file at our place and writes where we would. */
static int run_dot(int in)
{
    char *argv[] = {(char *)"dot", (char *)"-Tsvg", NULL};
    posix_spawn_file_actions_t files;
    int status = 0, rc;
    pid_t pid;

    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
    rc = posix_spawnp(&pid, "dot", &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    if (rc == ENOENT) {
        fprintf(stderr, "coko menus graph: graphviz is not installed: apt install graphviz\n"
                        "(--dot prints the source without it)\n");
        return COMMAND_FAULT;
    }
    if (rc != 0) {
        fprintf(stderr, "coko menus graph: dot: %s\n", strerror(rc));
        return COMMAND_FAULT;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 ? COMMAND_OK : COMMAND_FAULT;
}

static int draw(const struct menu *m, size_t lang, const struct menu_stats *stats)
{
    FILE *source = tmpfile();
    int code = COMMAND_FAULT;

    if (!source) {
        fprintf(stderr, "coko menus graph: no temporary file: %s\n", strerror(errno));
        return code;
    }
    menu_graph(m, lang, stats, source);
    if (fflush(source) == 0 && lseek(fileno(source), 0, SEEK_SET) == 0) {
        fflush(stdout);
        code = run_dot(fileno(source));
    }
    fclose(source);
    return code;
}

static void print_json(const struct menu *m, size_t lang, const struct menu_stats *stats)
{
    struct buf out;

    buf_init(&out, 8 << 20);
    menu_graph_json(m, lang, stats, &out);
    fwrite(out.p, 1, out.len, stdout);
    putchar('\n');
    buf_fini(&out);
}

/* ---- the command ------------------------------------------------------------------------------- */

static int find_lang(const struct menu *m, const char *lang)
{
    for (size_t i = 0; lang && menu_lang(m, i).n; i++)
        if (str_eq_c(menu_lang(m, i), lang))
            return (int)i;
    return lang ? -1 : 0;
}

static int graph_loaded(const struct menu *m, struct menu_report *r, void *arg)
{
    const struct graph_args *a = arg;
    struct figures f = {0};
    int lang = find_lang(m, a->lang), code = COMMAND_OK;

    (void)r;
    if (lang < 0) {
        fprintf(stderr, "coko menus graph: no language \"%s\"\n", a->lang);
        return COMMAND_USAGE;
    }
    if (a->stats)
        code = figures_read(a, &f);
    const struct menu_stats *stats = a->stats ? &f.stats : NULL;

    if (code == COMMAND_OK && a->json)
        print_json(m, (size_t)lang, stats);
    else if (code == COMMAND_OK && a->dot)
        menu_graph(m, (size_t)lang, stats, stdout);
    else if (code == COMMAND_OK)
        code = draw(m, (size_t)lang, stats);
    figures_free(&f);
    return code;
}

static bool take_flag(struct graph_args *a, const char *word)
{
    bool *flag = strcmp(word, "--dot") == 0     ? &a->dot
                 : strcmp(word, "--json") == 0  ? &a->json
                 : strcmp(word, "--stats") == 0 ? &a->stats
                                                : NULL;

    if (flag)
        *flag = true;
    return flag != NULL;
}

static const char **take_option(struct graph_args *a, const char *word)
{
    return strcmp(word, "--lang") == 0   ? &a->lang
           : strcmp(word, "--days") == 0 ? &a->days
           : strcmp(word, "-c") == 0     ? &a->config
                                         : NULL;
}

int command_menus_graph(int argc, char **argv)
{
    struct graph_args a = {.days = DAYS_DEFAULT};
    char mem[1024];

    for (int i = 1; i < argc; i++) {
        const char **option = take_option(&a, argv[i]);

        if (option && i + 1 < argc)
            *option = argv[++i];
        else if (!option && argv[i][0] != '-' && !a.dir)
            a.dir = argv[i];
        else if (option || !take_flag(&a, argv[i]))
            return COMMAND_USAGE;
    }
    if (strspn(a.days, "0123456789") != strlen(a.days) || strlen(a.days) > 4 || !*a.days)
        return COMMAND_USAGE;
    return menus_with(menus_dir(a.dir, mem), graph_loaded, &a);
}
