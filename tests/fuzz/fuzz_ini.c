/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration text: any bytes end in values or in faults; a file without faults, printed and read
 * again, gives the same values; no secret is printed.
 */
#include <stdlib.h>

#include "gateway/lib/option.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct conf {
    bool b;
    int64_t i, d, z;
    const char *s, *k;
    int e;
    struct option_list l;
};

static const char *const words[] = {"one", "two", NULL};
#define AT(field) .offset = offsetof(struct conf, field)
static const struct option_row rows[] = {
    {"a", "b", OPTION_BOOL, AT(b), .def = "no"},
    {"a", "i", OPTION_INT, AT(i), .def = "1", .help = "a number"},
    {"a", "d", OPTION_DURATION_MS, AT(d), .def = "1s"},
    {"a", "z", OPTION_SIZE, AT(z), .def = "1k", .min = 1, .max = 1LL << 40},
    {"a", "s", OPTION_STRING, AT(s), .def = "x", .max = 1000},
    {"a", "e", OPTION_ENUM, AT(e), .def = "one", .words = words},
    {"a", "l", OPTION_LIST, AT(l), .max = 100},
    {"a", "k", OPTION_SECRET, AT(k), .def = ""},
};

struct world {
    struct ini ini;
    struct arena arena;
    struct fault_list faults;
    struct conf conf;
};

static void need(bool ok)
{
    if (!ok)
        abort();
}

static void load(struct world *w, struct str text)
{
    struct option_source src = {.ini = &w->ini, .arena = &w->arena, .faults = &w->faults};
    int bad;

    w->conf = (struct conf){0};
    fault_init(&w->faults);
    arena_init(&w->arena, 4096, 1 << 20);
    bad = ini_parse(&w->ini, "f", text, &w->faults);
    need((bad == 0) == (w->faults.count == 0));
    (void)!option_load(&src, rows, ARRAY_LEN(rows), &w->conf);
    option_unknown(&w->ini, &w->faults);
    need(w->conf.s && w->conf.k && w->faults.text.failed == ERR_OK);
}

static void unload(struct world *w)
{
    ini_fini(&w->ini);
    arena_fini(&w->arena);
    fault_fini(&w->faults);
}

static void check_print(const struct world *w)
{
    struct buf text;
    struct world again;

    buf_init(&text, 1 << 20);
    option_print(&text, rows, ARRAY_LEN(rows), NULL, &w->conf);
    load(&again, buf_str(&text));
    need(again.faults.count == 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].type == OPTION_SECRET)
            need(strcmp(again.conf.k, w->conf.k[0] ? "********" : "") == 0);
        else
            need(!option_differs(&rows[i], &w->conf, &again.conf));
    }
    unload(&again);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w;

    if (size > 65536)
        return 0;
    load(&w, str_n(data, size));
    if (w.faults.count == 0)
        check_print(&w);
    unload(&w);
    return 0;
}
