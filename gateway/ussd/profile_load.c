/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading and checking a carrier's profile. See profile.h for the language.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/ussd/profile_parts.h"

#define PROFILE_FILE_MAX (64u << 10)

static const char *const field_names[FIELDS] = {
    [FIELD_SESSION] = "session",  [FIELD_NUMBER] = "number", [FIELD_SERVICE_CODE] = "service_code",
    [FIELD_NETWORK] = "network",  [FIELD_INPUT] = "input",   [FIELD_KIND] = "kind",
    [FIELD_SEQUENCE] = "sequence"};
static const char *const reply_names[REPLIES] = {"continue", "end", "silent"};
static const char *const known_keys[] = {"name",  "method",  "body",  "fields",  "kinds",
                                         "input", "country", "limit", "charset", "deadline_ms",
                                         "reply", "comment", "smpp"};
static const struct word body_words[] = {{"query", PROFILE_QUERY},
                                         {"form", PROFILE_FORM},
                                         {"json", PROFILE_JSON},
                                         {"smpp", PROFILE_SMPP},
                                         {NULL, 0}};
static const struct word method_words[] = {{"GET", 0}, {"POST", 1}, {NULL, 0}};
static const struct word input_words[] = {{"last", 0}, {"path", 1}, {NULL, 0}};
static const struct word charset_words[] = {{"gsm7", MENU_GSM7},
                                            {"ucs2", MENU_UCS2},
                                            {"latin1", MENU_LATIN1},
                                            {"utf8", MENU_UTF8},
                                            {NULL, 0}};
static const struct word kind_words[] = {{"begin", USSD_BEGIN},
                                         {"continue", USSD_CONTINUE},
                                         {"abort", USSD_ABORT},
                                         {"timeout", USSD_TIMEOUT},
                                         {NULL, 0}};

static int word_value(struct loader *l, const char *key, const char *text, const struct word *words)
{
    for (const struct word *w = words; text && w->text; w++) {
        if (strcmp(text, w->text) == 0)
            return w->value;
    }
    FAULT(l, "\"%s\": \"%s\" is not a word for it", key, text ? text : "(nothing)");
    return 0;
}

int loader_word(struct loader *l, json_t *root, const char *key, const struct word *words)
{
    return word_value(l, key, json_string_value(json_object_get(root, key)), words);
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

static void load_fields(struct loader *l, json_t *root)
{
    json_t *fields = json_object_get(root, "fields"), *value;
    const char *key;

    json_object_foreach(fields, key, value) {
        size_t i = 0;

        while (i < FIELDS && strcmp(key, field_names[i]) != 0)
            i++;
        if (i == FIELDS)
            FAULT(l, "\"fields\": \"%s\" is not a field of ours", key);
        else
            loader_text(l, key, json_string_value(value), l->p->fields[i], PROFILE_FIELD_MAX);
    }
    if (!*l->p->fields[FIELD_SESSION] || !*l->p->fields[FIELD_NUMBER] ||
        !*l->p->fields[FIELD_INPUT])
        FAULT(l, "\"fields\": session, number and input are needed");
}

static void load_kinds(struct loader *l, json_t *root)
{
    json_t *value;
    const char *key;

    json_object_foreach(json_object_get(root, "kinds"), key, value) {
        unsigned n = l->p->nkinds;

        if (n == PROFILE_KINDS_MAX) {
            FAULT(l, "\"kinds\": at most %d", PROFILE_KINDS_MAX);
            return;
        }
        loader_text(l, "kinds", key, l->p->kinds[n].word, PROFILE_FIELD_MAX);
        l->p->kinds[n].kind =
            (enum ussd_kind)word_value(l, key, json_string_value(value), kind_words);
        l->p->nkinds++;
    }
    if ((l->p->nkinds > 0) != (*l->p->fields[FIELD_KIND] != '\0'))
        FAULT(l, "\"kinds\" and the field \"kind\" belong together");
}

static void load_replies(struct loader *l, json_t *root)
{
    json_t *reply = json_object_get(root, "reply");

    loader_text(l, "reply.type", json_string_value(json_object_get(reply, "type")),
                l->p->content_type, sizeof l->p->content_type);
    for (size_t i = 0; i < REPLIES; i++) {
        json_t *v = json_object_get(reply, reply_names[i]);
        char *dumped = json_is_object(v) ? json_dumps(v, JSON_COMPACT) : NULL;

        if (dumped)
            l->p->json_reply = true;
        loader_text(l, reply_names[i], dumped ? dumped : json_string_value(v), l->p->reply[i],
                    PROFILE_REPLY_MAX);
        free(dumped);
        if (i != REPLY_SILENT && !strstr(l->p->reply[i], "$text"))
            FAULT(l, "\"reply.%s\": \"$text\" does not stand in it", reply_names[i]);
    }
}

static void check_keys(struct loader *l, json_t *root)
{
    const char *key;
    json_t *value;

    json_object_foreach(root, key, value) {
        size_t i = 0;

        while (i < ARRAY_LEN(known_keys) && strcmp(key, known_keys[i]) != 0)
            i++;
        if (i == ARRAY_LEN(known_keys))
            FAULT(l, "\"%s\" is not a key of a profile", key);
    }
}

static void load_http(struct loader *l, json_t *root)
{
    struct profile *p = l->p;

    p->is_post = loader_word(l, root, "method", method_words) != 0;
    load_fields(l, root);
    load_kinds(l, root);
    p->path = loader_word(l, root, "input", input_words) != 0;
    if (!p->path && !*p->fields[FIELD_SEQUENCE])
        FAULT(
            l,
            "\"input\": \"last\" needs the field \"sequence\": nothing else tells two hops apart");
    load_replies(l, root);
}

static void load_root(struct loader *l, json_t *root)
{
    struct profile *p = l->p;

    check_keys(l, root);
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
    if (p->body == PROFILE_SMPP)
        profile_load_smpp(l, root);
    else
        load_http(l, root);
}

int profile_load_bytes(const char *file, struct str bytes, struct profile *p,
                       struct fault_list *faults)
{
    struct loader l = {.file = file, .p = p, .faults = faults};
    size_t before = faults->count;
    json_error_t at;

    memset(p, 0, sizeof *p);
    json_t *root = json_loadb(bytes.p, bytes.n, JSON_REJECT_DUPLICATES, &at);

    if (!json_is_object(root))
        (void)fault_add(faults, file, root ? 1 : at.line, "%s", root ? "not an object" : at.text);
    else
        load_root(&l, root);
    json_decref(root);
    return faults->count == before ? 0 : -1;
}

int profile_load(const char *path, struct profile *p, struct fault_list *faults)
{
    FILE *in = fopen(path, "re");
    char *bytes = malloc(PROFILE_FILE_MAX);
    size_t n = in && bytes ? fread(bytes, 1, PROFILE_FILE_MAX, in) : 0;
    int rc;

    if (!in)
        rc = fault_add(faults, path, 0, "%s", strerror(errno));
    else
        rc = profile_load_bytes(path, str_n(bytes, n), p, faults);
    if (in)
        fclose(in);
    free(bytes);
    return rc;
}
