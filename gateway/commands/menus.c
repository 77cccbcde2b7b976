/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko menus check`: the proofs of a menu, and what they measured. Needs no database and no
 * configuration; `coko menus graph` is in graph.c. See commands.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/commands/menus.h"

#ifndef COKO_DATA_DIR
#define COKO_DATA_DIR "."
#endif

static void print_proof(const struct menu *m)
{
    struct menu_proof p;

    menu_prove(m, &p);
    printf(
        "proved: %zu screens x %zu languages x %zu limits = %zu, and %zu messages x %zu languages "
        "in one SMS each\n",
        p.screens, p.langs, p.limits, p.proved, p.messages, p.langs);
    printf("longest SMS: \"%" STR_FMT "\" in %" STR_FMT " takes %u septets of 160\n",
           STR_ARG(p.sms_key), STR_ARG(menu_lang(m, p.sms_lang)), p.sms_need);
    printf("hardest screen under each limit, every variable at its width:\n");
    for (size_t i = 0; i < p.limits; i++)
        menu_worst_print(m, &p.worst[i], stdout);
    for (size_t lang = 0; lang < p.langs; lang++)
        if (menu_reviews(m, lang) > 0)
            printf("%" STR_FMT ": %u texts await a native reader\n", STR_ARG(menu_lang(m, lang)),
                   menu_reviews(m, lang));
}

static int check(const struct menu *m, struct menu_report *r, const char *dir)
{
    if (menu_check(m, r) != 0)
        return COMMAND_FAULT;
    printf("%s: ok, %zu screens, %zu actions, version %s\n", dir, menu_screens(m), menu_actions(m),
           menu_version(m));
    print_proof(m);
    return COMMAND_OK;
}

const char *menus_dir(const char *given, char mem[1024])
{
    const char *data = getenv("COKO_DATA_DIR");

    if (given)
        return given;
    snprintf(mem, 1024, "%s/menus/coko", data && *data ? data : COKO_DATA_DIR);
    return mem;
}

int menus_with(const char *dir, int (*fn)(const struct menu *m, struct menu_report *r, void *arg),
               void *arg)
{
    struct menu_report *r = calloc(1, sizeof *r);
    struct err e = {0};
    struct menu *m;
    int code = COMMAND_FAULT;

    if (!r)
        abort();
    m = menu_load(dir, r, &e);
    if (m)
        code = fn(m, r, arg);
    if (r->count > 0) {
        menu_report_print(r, stderr);
        fprintf(stderr, "%s: %zu fault%s\n", dir, r->count, r->count == 1 ? "" : "s");
    } else if (!m) {
        fprintf(stderr, "%s: %s\n", dir, e.msg);
    }
    menu_free(m);
    free(r);
    return code;
}

static int check_loaded(const struct menu *m, struct menu_report *r, void *arg)
{
    return check(m, r, arg);
}

int command_menus(int argc, char **argv)
{
    char mem[1024];

    if (argc >= 2 && strcmp(argv[1], "graph") == 0)
        return command_menus_graph(argc - 1, argv + 1);
    if (argc < 2 || argc > 3 || strcmp(argv[1], "check") != 0)
        return COMMAND_USAGE;
    const char *dir = menus_dir(argc == 3 ? argv[2] : NULL, mem);

    return menus_with(dir, check_loaded, (void *)dir);
}
