/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files that load a profile: profile_load.c (its common part), profile_fields.c (what
 * comes), profile_reply.c (what goes), profile_smpp.c (its dialect); and profile_say.c, which knows
 * the names that stand in a reply.
 */
#ifndef COKO_USSD_PROFILE_PARTS_H
#define COKO_USSD_PROFILE_PARTS_H

#include <jansson.h>

#include "gateway/ussd/profile.h"

struct loader {
    const char *file;
    struct profile *p;
    struct fault_list *faults;
};

/* A word of the file and our value for it; a table ends with a NULL. */
struct word {
    const char *text;
    int value;
};

#define FAULT(l, ...) ((void)fault_add((l)->faults, (l)->file, 0, __VA_ARGS__))

/* The value of root[key], one of these words; else a fault and 0. */
int loader_word(struct loader *l, json_t *root, const char *key, const struct word *words);

/* The same, or def where root has no such key. */
int loader_word_or(struct loader *l, json_t *root, const char *key, const struct word *words,
                   int def);

/* The whole number root[key], or def where there is none; outside its range a fault. */
long long loader_int(struct loader *l, json_t *root, const char *key, long long def, long long min,
                     long long max);

/* A copy of a text that must be there and fit. */
void loader_text(struct loader *l, const char *key, const char *text, char *out, size_t cap);

/* Every key of an object that is not one of these is a fault. `of` names the object. */
void loader_keys(struct loader *l, json_t *object, const char *of, const char *const *keys,
                 size_t n);

/* What comes: method, body, fields, echo, kinds, urls, input, step, test. */
void profile_load_fields(struct loader *l, json_t *root);

/* Reads root["push"], after the reply. */
void profile_load_push(struct loader *l, json_t *root);

/* One place of the language, or several, into *ways. */
void loader_ways(struct loader *l, const char *key, json_t *v, struct profile_ways *ways);

/* A template: object[key], a text, a list of them or an object. of names the object for faults. */
void loader_template(struct loader *l, json_t *object, const char *of, const char *key,
                     enum profile_reply kind);

/* Reads root["reply"], after the fields. */
void profile_load_reply(struct loader *l, json_t *root);

/* Reads root["smpp"] into l->p->dialect, after the limits; all faults at once. */
void profile_load_smpp(struct loader *l, json_t *root);

/* Whether every '$' in it begins a name that has a value there. */
bool profile_template_ok(const struct profile *p, const char *text, bool in_row);

#endif
