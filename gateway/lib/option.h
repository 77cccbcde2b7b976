/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed configuration: rows say section, key, type, range, default, help and where in a struct the
 * value goes.
 *
 *     struct http_conf { const char *listen; int64_t max_body; };
 *     static const struct option_row rows[] = {
 *         { .section = "http", .key = "listen", .type = OPTION_STRING,
 *           .offset = offsetof(struct http_conf, listen), .def = "127.0.0.1:8080", .help = "..." },
 *         { .section = "http", .key = "max_body", .type = OPTION_SIZE,
 *           .offset = offsetof(struct http_conf, max_body), .def = "1M", .min = 1024,
 *           .max = 64 << 20, .help = "Largest request body" },
 *     };
 *
 * Where a value comes from, first found wins: environment table, `key` in the file, `key_file`
 * (secrets only), default. All faults of all rows are added to the list, none stops the load.
 * Order: ini_parse, option_load for the single sections, option_load_section for each repeated one,
 * option_unknown, then look at faults->count. Pure: environment and secret files come through the
 * two functions of option_source.
 */
#ifndef COKO_LIB_OPTION_H
#define COKO_LIB_OPTION_H

#include "gateway/lib/ini.h"

/* The type of a value; in brackets the type of its field in the struct. */
enum option_type {
    OPTION_BOOL, /* (bool) yes no true false on off 1 0 */
    OPTION_INT,  /* (int64_t) */
    /* (int64_t, milliseconds) "250ms" "10s" "5m" "2h" "7d"; a bare number is seconds */
    OPTION_DURATION_MS,
    OPTION_SIZE, /* (int64_t, bytes) "512" "64k" "1M" "2G", powers of 1024 */
    /* (const char *, never NULL) min..max is the length in bytes when max > 0 */
    OPTION_STRING,
    OPTION_ENUM, /* (int) index in words */
    /* (const char *) masked in print; also by key_file, whose trailing newline is dropped */
    OPTION_SECRET,
    /* (struct option_list) separated by commas or blanks; min..max is the count when max > 0 */
    OPTION_LIST,
};

enum option_flag {
    OPTION_NO_RELOAD = 1, /* SIGHUP cannot change it */
    OPTION_REQUIRED = 2,  /* an empty value is a fault */
};

struct option_list {
    size_t n;
    const char *const *v;
};

struct option_row {
    const char *section; /* kind of the section, "" in no case */
    const char *key;
    enum option_type type;
    size_t offset;
    const char *def;  /* text as in a file; NULL is the empty text (0 for numbers) */
    int64_t min, max; /* for numbers: both 0 is 0..INT64_MAX for sizes and durations, any for int */
    const char *const *words; /* enum: names, NULL ended */
    unsigned flags;
    const char *help;
};

/*
 * Environment variable -> row. Several variables may name one row: the first that is set and not
 * empty wins.
 */
struct option_env {
    const char *variable;
    const char *section, *key;
};

struct option_source {
    struct ini *ini;
    struct arena *arena; /* strings of the values live here */
    struct fault_list *faults;
    const struct option_env *env;
    size_t env_count;
    const char *(*env_get)(void *ctx, const char *variable); /* NULL if unset */
    int (*file_read)(const char *path, struct buf *out,
                     struct err *e); /* see file.h; NULL: no files */
    void *ctx;
};

/* All rows, from their unnamed sections, into out. -1 if any fault was added. */
MUST_CHECK int option_load(struct option_source *src, const struct option_row *rows, size_t n,
                           void *out);

/* All rows from this one section ([link mtn-1]), without environment. -1 if any fault was added. */
MUST_CHECK int option_load_section(struct option_source *src, struct ini_section *section,
                                   const struct option_row *rows, size_t n, void *out);

/* Every section and key that no load used is a fault. */
void option_unknown(struct ini *ini, struct fault_list *faults);

/*
 * Effective values as INI text with the help as comments; secrets as "********" when set. name: of
 * a repeated section.
 */
void option_print(struct buf *out, const struct option_row *rows, size_t n, const char *name,
                  const void *values);

/* Do the two structs differ in this row? */
bool option_differs(const struct option_row *row, const void *a, const void *b);

#endif
