/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading and checking a carrier's profile: its common part, and the ways to read a file that the
 * other parts share. See profile.h for the language.
 */
#include <string.h>

#include "gateway/lib/file.h"
#include "gateway/lib/json_file.h"
#include "gateway/ussd/profile_parts.h"

#define PROFILE_FILE_MAX (64u << 10)

static const char *const known_keys[] = {
    "$schema",   "name",        "comment",      "method",       "body",    "fields",
    "echo",      "kinds",       "urls",         "input",        "country", "limit",
    "charset",   "deadline_ms", "reply",        "code_in_path", "step",    "repeat_ms",
    "one_start", "fresh_ids",   "bare_notices", "test",         "smpp",    "push"};
static const struct word body_words[] = {{"query", PROFILE_QUERY},
                                         {"form", PROFILE_FORM},
                                         {"json", PROFILE_JSON},
                                         {"xml", PROFILE_XML},
                                         {"any", PROFILE_ANY},
                                         {"smpp", PROFILE_SMPP},
                                         {NULL, 0}};
static const struct word charset_words[] = {{"gsm7", MENU_GSM7},
                                            {"ucs2", MENU_UCS2},
                                            {"latin1", MENU_LATIN1},
                                            {"utf8", MENU_UTF8},
                                            {NULL, 0}};

int loader_word(struct loader *l, json_t *root, const char *key, const struct word *words)
{
    const char *text = json_string_value(json_object_get(root, key));

    for (const struct word *w = words; text && w->text; w++) {
        if (strcmp(text, w->text) == 0)
            return w->value;
    }
    FAULT(l, "\"%s\": \"%s\" is not a word for it", key, text ? text : "(nothing)");
    return 0;
}

int loader_word_or(struct loader *l, json_t *root, const char *key, const struct word *words,
                   int def)
{
    return json_object_get(root, key) ? loader_word(l, root, key, words) : def;
}

long long loader_int(struct loader *l, json_t *root, const char *key, long long def, long long min,
                     long long max)
{
    json_t *v = json_object_get(root, key);
    long long n = v ? json_integer_value(v) : def;

    if ((v && !json_is_integer(v)) || n < min || n > max)
        FAULT(l, "\"%s\": a whole number from %lld to %lld", key, min, max);
    return n;
}

void loader_text(struct loader *l, const char *key, const char *text, char *out, size_t cap)
{
    out[0] = '\0';
    if (!text || !str_to_c(str_c(text), out, cap))
        FAULT(l, "\"%s\": a text of at most %zu bytes", key, cap - 1);
}

void loader_keys(struct loader *l, json_t *object, const char *of, const char *const *keys,
                 size_t n)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value) {
        size_t i = 0;

        while (i < n && strcmp(key, keys[i]) != 0)
            i++;
        if (i == n)
            FAULT(l, "\"%s\" is not a key of %s", key, of);
    }
}

static void load_root(struct loader *l, json_t *root)
{
    struct profile *p = l->p;

    loader_keys(l, root, "a profile", known_keys, ARRAY_LEN(known_keys));
    loader_text(l, "name", json_string_value(json_object_get(root, "name")), p->name,
                sizeof p->name);
    if (p->name[strspn(p->name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
        FAULT(l, "\"name\": letters a-z, digits and _ only");
    p->body = (enum profile_body)loader_word(l, root, "body", body_words);
    loader_text(l, "country", json_string_value(json_object_get(root, "country")), p->country,
                sizeof p->country);
    p->limits.max = (unsigned)loader_int(l, root, "limit", 160, MENU_LIMIT_MIN, MENU_LIMIT_MAX);
    p->limits.charset = (enum menu_charset)loader_word(l, root, "charset", charset_words);
    p->deadline_ms = (unsigned)loader_int(l, root, "deadline_ms", PROFILE_DEADLINE_MS, 500,
                                          PROFILE_DEADLINE_CAP_MS);
    if (p->body == PROFILE_SMPP) {
        profile_load_smpp(l, root);
        return;
    }
    profile_load_fields(l, root);
    profile_load_reply(l, root);
    profile_load_push(l, root);
}

int profile_load_bytes(const char *file, struct str bytes, struct profile *p,
                       struct fault_list *faults)
{
    struct loader l = {.file = file, .p = p, .faults = faults};
    size_t before = faults->count;
    json_t *root = json_file_object(file, bytes, faults);

    memset(p, 0, sizeof *p);
    if (root)
        load_root(&l, root);
    json_decref(root);
    return faults->count == before ? 0 : -1;
}

int profile_load(const char *path, struct profile *p, struct fault_list *faults)
{
    struct buf bytes;
    struct err e = {0};
    int rc;

    buf_init(&bytes, PROFILE_FILE_MAX);
    if (file_read(path, &bytes, &e) != 0)
        rc = fault_add(faults, path, 0, "%s", e.msg);
    else
        rc = profile_load_bytes(path, buf_str(&bytes), p, faults);
    buf_fini(&bytes);
    return rc;
}
