/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faulty menus: a sound one with one change, and the fault that must be told with its file and line.
 * Include after cmocka.h.
 */
#ifndef COKO_TESTS_MENU_CHANGES_H
#define COKO_TESTS_MENU_CHANGES_H

#include "tests/unit/menu_fixture.h"

struct change {
    const char *file, *from, *to;
    const char *fault; /* part of the fault's text */
    const char *where;
    unsigned line;
};

/* The file's bytes with the change made once; the caller frees. */
static inline char *changed(struct str bytes, const struct change *c, size_t *n)
{
    ptrdiff_t at = str_find(bytes, str_c(c->from));
    size_t cap = bytes.n + strlen(c->to) + 1;
    char *out = malloc(cap);

    assert_true(at >= 0);
    assert_non_null(out);
    *n = (size_t)snprintf(out, cap, "%.*s%s%s", (int)at, bytes.p, c->to,
                          bytes.p + at + strlen(c->from));
    return out;
}

/* Makes it in its file; returns the new bytes, to be freed after the files. */
static inline char *change_in(struct menu_file *own, size_t nfiles, const struct change *c)
{
    char *bytes = NULL;

    for (size_t i = 0; i < nfiles; i++)
        if (!strcmp(own[i].name, c->file)) {
            bytes = changed(own[i].bytes, c, &own[i].bytes.n);
            own[i].bytes.p = bytes;
        }
    return bytes;
}

static inline bool told(const struct menu_report *r, const struct change *c)
{
    for (size_t i = 0; i < r->count && i < MENU_FAULTS_MAX; i++)
        if (strstr(r->faults[i].text, c->fault) && !strcmp(r->faults[i].file, c->where) &&
            r->faults[i].line == c->line)
            return true;
    return false;
}

static inline void try_change(const struct menu_file *files, size_t nfiles, const struct change *c,
                              struct menu_report *r)
{
    struct menu_file own[16];
    struct err e = {0};
    char *bytes;
    struct menu *m;

    assert_true(nfiles <= ARRAY_LEN(own));
    memcpy(own, files, nfiles * sizeof *own);
    bytes = change_in(own, nfiles, c);
    m = menu_load_files(own, nfiles, r, &e);
    if (m)
        assert_int_equal(menu_check(m, r), -1);
    else
        assert_int_equal(e.code, ERR_BAD_CONFIG);
    if (!told(r, c)) {
        menu_report_print(r, stderr);
        fail_msg("not told: %s:%u: %s", c->where, c->line, c->fault);
    }
    menu_free(m);
    free(bytes);
}

#endif
