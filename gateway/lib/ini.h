/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INI text into sections and entries. Pure: the caller read the file.
 *
 *     ; comment            # comment            (whole lines only)
 *     [http]
 *     listen = 127.0.0.1:8080
 *     [link mtn-1]         (kind "link", name "mtn-1"; may repeat with other names)
 *     label = "  quoted value keeps its spaces and ; # signs"
 *
 * Faults (bad line, entry before any section, same section or key twice, control bytes, bad UTF-8,
 * over a limit) go to the list with file:line and parsing goes on, so that all are shown at once.
 * Meaning of keys: option.h.
 */
#ifndef COKO_LIB_INI_H
#define COKO_LIB_INI_H

#include "gateway/lib/arena.h"
#include "gateway/lib/fault.h"

#define INI_TEXT_MAX     (1024 * 1024)
#define INI_LINE_MAX     4096
#define INI_SECTIONS_MAX 512
#define INI_ENTRIES_MAX  8192 /* of the whole text */

struct ini_entry {
    struct str key, value; /* terminated copies in the ini's arena */
    int line;
    bool used; /* set by option_load: what stays false is an unknown key */
    struct ini_entry *next;
};

struct ini_section {
    struct str kind; /* "link" */
    struct str name; /* "mtn-1", or empty */
    int line;
    bool used;
    struct ini_entry *entries; /* in file order */
    struct ini_entry **tail;
    struct ini_section *next;
};

struct ini {
    struct arena arena;
    const char *file;             /* for messages; copied */
    struct ini_section *sections; /* in file order */
    struct ini_section **tail;
    size_t section_count, entry_count;
};

/* Parse text; -1 if any fault was added. The ini is usable (and must be finished) either way. */
MUST_CHECK int ini_parse(struct ini *ini, const char *file, struct str text,
                         struct fault_list *faults);

void ini_fini(struct ini *ini);

/* The section, or NULL. name "" for an unnamed one. */
struct ini_section *ini_section(const struct ini *ini, const char *kind, const char *name);

/* The next section of this kind after `after` (NULL: the first), whatever its name. */
struct ini_section *ini_next(const struct ini *ini, const char *kind,
                             const struct ini_section *after);

/* The entry, or NULL. */
struct ini_entry *ini_get(const struct ini_section *section, const char *key);

#endif
