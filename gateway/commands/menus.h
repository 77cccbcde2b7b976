/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between `coko menus check` (menus.c) and `coko menus graph` (graph.c).
 */
#ifndef COKO_COMMANDS_MENUS_H
#define COKO_COMMANDS_MENUS_H

#include "gateway/commands/commands.h"
#include "menus/menu.h"

/* The folder given, else menus/coko of the data folder, written to mem. */
const char *menus_dir(const char *given, char mem[1024]);

/* Loads the menu and calls fn, whose exit code it returns; prints faults on stderr. */
int menus_with(const char *dir, int (*fn)(const struct menu *m, struct menu_report *r, void *arg),
               void *arg);

/* argv[0] is "graph". */
int command_menus_graph(int argc, char **argv);

#endif
