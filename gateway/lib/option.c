/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From text to typed values. Every row is loaded whatever happened to the others; a value that is
 * refused leaves the default in the struct, so that later checks do not complain about its
 * consequences.
 */
#include "gateway/lib/option.h"

#include <stdio.h>

#include "gateway/lib/option_value.h"

/* Where a value came from, for messages: "coko.ini:12" or "DATABASE_URL". */
struct found {
    const char *file;
    int line;
    struct str text;
};

static const struct option_env *env_of(const struct option_source *src,
                                       const struct option_row *row, const char **value)
{
    for (size_t i = 0; i < src->env_count; i++) {
        const struct option_env *env = &src->env[i];

        if (strcmp(env->section, row->section) != 0 || strcmp(env->key, row->key) != 0)
            continue;
        *value = src->env_get ? src->env_get(src->ctx, env->variable) : NULL;
        if (*value && **value)
            return env;
    }
    return NULL;
}

/* The contents of a secret's file, without the newline that editors leave. */
static int secret_file(struct option_source *src, struct ini_entry *entry, struct str *out)
{
    struct buf text;
    struct err e;
    int bad = 0;

    err_clear(&e);
    buf_init(&text, OPTION_SECRET_FILE_MAX);
    if (!src->file_read || src->file_read(entry->value.p, &text, &e) != 0) {
        bad = fault_add(src->faults, src->ini->file, entry->line, "%s: %s: %s", entry->key.p,
                        entry->value.p, e.code ? e.msg : "files cannot be read here");
    } else {
        struct str s = buf_str(&text);

        while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
            s.n--;
        *out = arena_str(src->arena, s);
        if (!out->p)
            bad = fault_add(src->faults, src->ini->file, entry->line, "configuration too large");
    }
    buf_wipe(&text);
    return bad;
}

static struct ini_entry *entry_take(struct ini_section *section, const char *key,
                                    const char *suffix)
{
    char name[96];
    struct ini_entry *entry;

    snprintf(name, sizeof(name), "%s%s", key, suffix);
    entry = section ? ini_get(section, name) : NULL;
    if (entry)
        entry->used = true;
    return entry;
}

/* 1 found, 0 not there, -1 a fault was added. */
static int find_in_section(struct option_source *src, struct ini_section *section,
                           const struct option_row *row, struct found *f)
{
    struct ini_entry *entry = entry_take(section, row->key, ""), *file = NULL;

    if (row->type == OPTION_SECRET)
        file = entry_take(section, row->key, "_file");
    if (entry && file)
        return fault_add(src->faults, src->ini->file, file->line,
                         "%s stands already at line %d: give the value or the file", file->key.p,
                         entry->line);
    if (!entry && !file)
        return 0;
    f->file = src->ini->file;
    f->line = (entry ? entry : file)->line;
    if (!entry)
        return secret_file(src, file, &f->text) < 0 ? -1 : 1;
    f->text = entry->value;
    return 1;
}

static int find_text(struct option_source *src, struct ini_section *section, bool env,
                     const struct option_row *row, struct found *f)
{
    const struct option_env *from;
    const char *value;
    int found = find_in_section(src, section, row, f); /* also marks the key as known */

    from = env ? env_of(src, row, &value) : NULL;
    if (from) {
        *f = (struct found){.file = from->variable, .text = str_c(value)};
        return 1;
    }
    return found;
}

static int load_row(struct option_source *src, struct ini_section *section, bool env,
                    const struct option_row *row, void *out)
{
    struct found f = {.file = src->ini->file, .line = section ? section->line : 0};
    int found = find_text(src, section, env, row, &f);
    struct err e;

    if (option_value_set(row, str_c(row->def), src->arena, out, &e) < 0)
        return fault_add(src->faults, "default", 0, "[%s] %s: %s", row->section, row->key, e.msg);
    if (found < 0)
        return -1;
    if (found && option_value_set(row, f.text, src->arena, out, &e) < 0) {
        struct err ignored;

        (void)!option_value_set(row, str_c(row->def), src->arena, out, &ignored);
        return fault_add(src->faults, f.file, f.line, "%s: %s", row->key, e.msg);
    }
    if ((row->flags & OPTION_REQUIRED) && option_value_empty(row, out))
        return fault_add(src->faults, f.file, f.line, "[%s] %s is required", row->section,
                         row->key);
    return 0;
}

int option_load(struct option_source *src, const struct option_row *rows, size_t n, void *out)
{
    int bad = 0;

    for (size_t i = 0; i < n; i++) {
        struct ini_section *section = ini_section(src->ini, rows[i].section, "");

        if (section)
            section->used = true;
        bad |= load_row(src, section, true, &rows[i], out);
    }
    return bad;
}

int option_load_section(struct option_source *src, struct ini_section *section,
                        const struct option_row *rows, size_t n, void *out)
{
    int bad = 0;

    section->used = true;
    for (size_t i = 0; i < n; i++)
        bad |= load_row(src, section, false, &rows[i], out);
    return bad;
}

void option_unknown(struct ini *ini, struct fault_list *faults)
{
    for (const struct ini_section *s = ini->sections; s; s = s->next) {
        if (!s->used) {
            fault_add(faults, ini->file, s->line, "unknown section [%s%s%s]", s->kind.p,
                      s->name.n ? " " : "", s->name.p);
            continue;
        }
        for (const struct ini_entry *e = s->entries; e; e = e->next) {
            if (!e->used)
                fault_add(faults, ini->file, e->line, "unknown key %s in [%s]", e->key.p,
                          s->kind.p);
        }
    }
}

void option_print(struct buf *out, const struct option_row *rows, size_t n, const char *name,
                  const void *values)
{
    const char *section = NULL;

    for (size_t i = 0; i < n; i++) {
        if (!section || strcmp(section, rows[i].section) != 0) {
            buf_addf(out, "%s[%s%s%s]\n", section ? "\n" : "", rows[i].section, name ? " " : "",
                     name ? name : "");
            section = rows[i].section;
        }
        if (rows[i].help)
            buf_addf(out, "# %s\n", rows[i].help);
        buf_puts(out, rows[i].key);
        buf_puts(out, " = ");
        option_value_print(&rows[i], values, out);
        buf_addc(out, '\n');
    }
}
