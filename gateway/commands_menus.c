/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko menus check` and `coko menus graph`: need no database and no configuration. See commands.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/commands.h"
#include "menus/menu.h"

#ifndef COKO_DATA_DIR
#define COKO_DATA_DIR "."
#endif

static int check(const struct menu *m, struct menu_report *r, const char *dir)
{
    if (menu_check(m, r) == 0) {
        printf("%s: ok, %zu screens, %zu actions, version %s\n", dir, menu_screens(m),
               menu_actions(m), menu_version(m));
        return COMMAND_OK;
    }
    return COMMAND_FAULT;
}

static int run(const char *what, const char *dir, struct menu_report *r)
{
    struct err e = {0};
    struct menu *m = menu_load(dir, r, &e);
    int code = COMMAND_FAULT;

    if (m && strcmp(what, "graph") == 0) {
        menu_graph(m, stdout);
        code = COMMAND_OK;
    } else if (m) {
        code = check(m, r, dir);
    }
    if (r->count > 0) {
        menu_report_print(r, stderr);
        fprintf(stderr, "%s: %zu fault%s\n", dir, r->count, r->count == 1 ? "" : "s");
    } else if (code != COMMAND_OK) {
        fprintf(stderr, "%s: %s\n", dir, e.msg);
    }
    menu_free(m);
    return code;
}

int command_menus(int argc, char **argv)
{
    const char *data = getenv("COKO_DATA_DIR");
    char dir[1024];
    struct menu_report *r;
    int code;

    if (argc < 2 || argc > 3 || (strcmp(argv[1], "check") != 0 && strcmp(argv[1], "graph") != 0))
        return COMMAND_USAGE;
    snprintf(dir, sizeof dir, "%s/menus/coko", data && *data ? data : COKO_DATA_DIR);
    r = calloc(1, sizeof *r);
    if (!r)
        abort();
    code = run(argv[1], argc == 3 ? argv[2] : dir, r);
    free(r);
    return code;
}
