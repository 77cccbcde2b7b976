/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow as somebody sees it who looks at the whole: parts of the service, options with the
 * numbers readers type, names of types. For the drawing and its JSON.
 */
#ifndef COKO_MENUS_PARTS_H
#define COKO_MENUS_PARTS_H

#include "menus/check.h"

/* Part 0 is what stands before the home screen, part i what home's option i leads to first. */
struct parts {
    const struct menu *m;
    uint8_t of[SCREENS_MAX];
    size_t n;
};

void parts_find(const struct menu *m, struct parts *p);

/* Its name: the text of home's option; "" for part 0. */
struct str part_name(const struct parts *p, size_t lang, size_t part, struct arena *a);

/* A template as its author wrote it, {variables} and all. */
struct str template_text(const struct menu *m, const struct text *t, struct arena *a);

const char *screen_type_name(enum screen_type type);

/* The number of choice i of a menu when all before it are shown, or its own key. Options with the
 * same text and place are one: a flow gives them once for each condition. */
struct str choice_key_shown(const struct screen *sc, size_t i, char mem[8]);
bool choice_repeats(const struct screen *sc, size_t i);

/* How often each jump was taken, from what was seen: a step from one screen to the next is shared
 * out over the calls and switches between them. Steps that no jump explains (back) are left out. */
#define WAYS_MAX 512
struct way {
    int from, to;
    uint64_t times;
};
struct walked {
    struct way ways[WAYS_MAX];
    size_t n;
    uint64_t most; /* times of the way walked most */
};

void walked_find(const struct menu *m, const struct menu_stats *stats, struct walked *w);
uint64_t walked_times(const struct walked *w, size_t from, size_t to);

#endif
