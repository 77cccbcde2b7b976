/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loader's parts: one struct passed through load.c (files, head of the flow), load_text.c
 * (texts and templates), load_action.c (SQL files) and load_screen.c (screens). Each part goes on
 * after a fault, so that all faults of a menu are told at once.
 */
#ifndef COKO_MENUS_LOAD_H
#define COKO_MENUS_LOAD_H

#include <jansson.h>

#include "menus/model.h"
#include "gateway/lib/utf8.h"
#include "menus/where.h"

#define FILES_MAX 128

struct loader {
    struct menu *m;
    struct menu_report *r;
    const char *file; /* the one being read */
    struct where where;
    const struct menu_file *files;
    size_t nfiles;
};

/* A place in the document: node and its path. */
struct node {
    json_t *json; /* NULL: absent */
    char path[WHERE_PATH_MAX];
};

void report_add(struct menu_report *r, const char *file, unsigned line, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* A fault at the line of `path` in the file being read. */
void load_fault(struct loader *l, const char *path, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Parses l->file's bytes as an object and indexes its lines; NULL after a fault. End with
 * load_json_end. */
json_t *load_json(struct loader *l, const struct menu_file *f);
void load_json_end(struct loader *l, json_t *root);

/* Children; a missing one has json == NULL. */
struct node node_key(const struct node *n, const char *key);
struct node node_at(const struct node *n, size_t i);

/* Typed reads: a value of another type is a fault and gives the default. Strings live in the
 * menu's arena. */
struct str load_str(struct loader *l, const struct node *n);
unsigned load_uint(struct loader *l, const struct node *n, unsigned dflt, unsigned min,
                   unsigned max);
bool load_bool(struct loader *l, const struct node *n, bool dflt);
/* False after a fault when the object has a key outside the space-separated list. */
bool load_known_keys(struct loader *l, const struct node *n, const char *keys);

/* Look-ups by name; NONE after a fault at n. */
int load_var(struct loader *l, const struct node *n, struct str name);
int load_text_ref(struct loader *l, const struct node *n, const char *group, struct str name);
int load_action_ref(struct loader *l, const struct node *n, struct str name);

/* Splits "Bonjour {name}" into pieces; faults are told at path. */
struct text load_template(struct loader *l, const char *path, struct str source, bool sms);

/* {"var": v, "is": pattern} under `key` of parent; WHEN_ALWAYS when absent. */
struct when load_when(struct loader *l, const struct node *parent, const char *key);

/* A variable that the flow may set; NONE after a fault. */
int load_settable(struct loader *l, const struct node *n, struct str name);

/* load_vary.c: currencies, variations and experiments need vars; the starts of subflows need
 * screens, screens need the names of subflows. */
void load_currencies(struct loader *l, const struct node *root);
void load_variations(struct loader *l, const struct node *root);
void load_experiments(struct loader *l, const struct node *root);
void load_subflows(struct loader *l, const struct node *root);
void load_subflow_starts(struct loader *l, const struct node *root);

/* Order: texts need vars, languages and variations; actions need vars; screens need all. */
void load_texts(struct loader *l);
void load_actions(struct loader *l);
void load_screens(struct loader *l, const struct node *root);

/* live.c: of a menu without faults. */
void load_live(struct menu *m);

/* Zeroed arrays in the menu's arena: a menu is bounded, so its arena does not run out. */
void *load_alloc(struct loader *l, size_t n, size_t size);
struct str load_keep(struct loader *l, struct str s);

#endif
