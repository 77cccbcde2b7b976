/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between profile_load.c (a profile's common part and HTTP) and profile_smpp.c (its dialect).
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

/* The whole number root[key], or def where there is none; outside its range a fault. */
long long loader_int(struct loader *l, json_t *root, const char *key, long long def, long long min,
                     long long max);

/* A copy of a text that must be there and fit. */
void loader_text(struct loader *l, const char *key, const char *text, char *out, size_t cap);

/* Reads root["smpp"] into l->p->dialect, after the limits; all faults at once. */
void profile_load_smpp(struct loader *l, json_t *root);

#endif
