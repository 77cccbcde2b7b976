/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over JSON text that keeps the path it stands on and the line it has reached. It checks
 * nothing: the document was parsed before. Deeper than DEPTH_MAX it only skips.
 */
#include "menus/where.h"

#include <stdio.h>

#define DEPTH_MAX 12

struct scan {
    struct where *w;
    struct str rest;
    unsigned line;
    unsigned depth;
    char path[WHERE_PATH_MAX];
    size_t len;
};

static void scan_value(struct scan *s);

static char peek(struct scan *s)
{
    while (s->rest.n && strchr(" \t\r\n,:", s->rest.p[0])) {
        if (s->rest.p[0] == '\n')
            s->line++;
        s->rest = str_skip(s->rest, 1);
    }
    return s->rest.n ? s->rest.p[0] : '\0';
}

/* The raw bytes between the quotes. */
static struct str scan_string(struct scan *s)
{
    size_t i = 1;
    struct str raw;

    while (i < s->rest.n && s->rest.p[i] != '"')
        i += s->rest.p[i] == '\\' ? 2 : 1;
    i = MIN(i, s->rest.n);
    raw = str_skip(str_head(s->rest, i), 1);
    s->rest = str_skip(s->rest, i + 1);
    return raw;
}

static void note_line(struct scan *s)
{
    map_put(&s->w->lines, str_n(s->path, s->len), (void *)(uintptr_t)s->line);
}

/* One member or element under `name`. */
static void scan_child(struct scan *s, struct str name)
{
    size_t len = s->len;
    int n = snprintf(s->path + len, sizeof s->path - len, "/%" STR_FMT, STR_ARG(name));

    if (n > 0 && (size_t)n < sizeof s->path - len)
        s->len = len + (size_t)n;
    peek(s);
    note_line(s);
    s->depth++;
    scan_value(s);
    s->depth--;
    s->len = len;
}

static void scan_nest(struct scan *s, char close)
{
    char c, name[16];
    unsigned i = 0;

    s->rest = str_skip(s->rest, 1);
    while ((c = peek(s)) != '\0' && c != close) {
        size_t before = s->rest.n;

        if (close == ']') {
            int n = snprintf(name, sizeof name, "%u", i++);

            scan_child(s, str_n(name, (size_t)n));
        } else if (c == '"') {
            scan_child(s, scan_string(s));
        }
        if (s->rest.n >= before)
            return;
    }
    s->rest = str_skip(s->rest, 1);
}

static void scan_value(struct scan *s)
{
    char c = peek(s);

    if (s->depth > DEPTH_MAX) {
        s->rest = STR_EMPTY;
    } else if (c == '{' || c == '[') {
        scan_nest(s, c == '{' ? '}' : ']');
    } else if (c == '"') {
        scan_string(s);
    } else {
        while (s->rest.n && !strchr(" \t\r\n,:]}", s->rest.p[0]))
            s->rest = str_skip(s->rest, 1);
    }
}

void where_init(struct where *w, struct str json)
{
    struct scan s = {.w = w, .rest = json, .line = 1};

    map_init(&w->lines);
    scan_value(&s);
}

void where_fini(struct where *w)
{
    map_fini(&w->lines);
}

unsigned where_line(const struct where *w, const char *path)
{
    struct str p = str_c(path);

    while (p.n) {
        void *line = map_get(&w->lines, p);

        if (line)
            return (unsigned)(uintptr_t)line;
        while (p.n && p.p[p.n - 1] != '/')
            p.n--;
        if (p.n)
            p.n--;
    }
    return 0;
}
