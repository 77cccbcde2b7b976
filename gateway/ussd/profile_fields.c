/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading what a profile says of callbacks: where fields stand, what tells the kind and the step.
 * See profile.h for the language.
 */
#include <string.h>

#include "gateway/ussd/profile_names.h"
#include "gateway/ussd/profile_parts.h"

#define FIELD_KIND FIELDS /* not a field of the event: it goes to profile.asked */

static const char *const field_names[FIELDS + 1] = {
    [FIELD_SESSION] = "session",
    [FIELD_NUMBER] = "number",
    [FIELD_SERVICE_CODE] = "service_code",
    [FIELD_NETWORK] = "network",
    [FIELD_LANGUAGE] = "language",
    [FIELD_INPUT] = "input",
    [FIELD_SEQUENCE] = "sequence",
    [FIELD_MESSAGE] = "message",
    [FIELD_TOKEN] = "token",
    [FIELD_STATE] = "state",
    [FIELD_USER] = "user",
    [FIELD_PASSWORD] = "password",
    [FIELD_KIND] = "kind",
};
static const struct word method_words[] = {
    {"GET", METHOD_GET}, {"POST", METHOD_POST}, {"ANY", METHOD_ANY}, {NULL, 0}};
static const struct word url_words[] = {
    {"GET", METHOD_GET}, {"POST", METHOD_POST}, {"PUT", METHOD_PUT}, {NULL, 0}};
static const struct word input_words[] = {{"last", 0}, {"path", 1}, {NULL, 0}};
static const struct word step_words[] = {
    {"sequence", STEP_SEQUENCE}, {"echo", STEP_ECHO}, {"message", STEP_MESSAGE}, {NULL, 0}};
static const struct word kind_words[] = {{"unsaid", USSD_UNSAID},     {"begin", USSD_BEGIN},
                                         {"continue", USSD_CONTINUE}, {"abort", USSD_ABORT},
                                         {"timeout", USSD_TIMEOUT},   {"ignore", USSD_IGNORE},
                                         {"status", USSD_STATUS},     {NULL, 0}};

const char *profile_field_name(enum profile_field f)
{
    return f < FIELD_ECHO ? field_names[f] : "echo";
}

/* ---- places ---- */

static void load_place(struct loader *l, const char *key, const char *text,
                       struct profile_source *at)
{
    static const struct {
        struct str prefix;
        enum profile_place place;
    } places[] = {{STR_INIT("query:"), PLACE_QUERY},
                  {STR_INIT("header:"), PLACE_HEADER},
                  {STR_INIT("path:"), PLACE_PATH}};
    int64_t segment = 0;

    for (size_t i = 0; text && i < ARRAY_LEN(places); i++) {
        if (str_starts(str_c(text), places[i].prefix)) {
            at->place = places[i].place;
            text += places[i].prefix.n;
        }
    }
    loader_text(l, key, text, at->name, sizeof at->name);
    if (at->place == PLACE_PATH && !str_to_i64(str_c(at->name), 0, 7, &segment))
        FAULT(l, "\"%s\": path: and the number of a segment, from 0 to 7", key);
    else if (!*at->name)
        FAULT(l, "\"%s\": a name is needed", key);
    at->segment = (unsigned)segment;
    if (at->place == PLACE_PATH)
        l->p->segments = MAX(l->p->segments, at->segment + 1);
}

void loader_ways(struct loader *l, const char *key, json_t *v, struct profile_ways *ways)
{
    json_t *one;
    size_t i;

    if (!json_is_array(v)) {
        ways->n = 1;
        load_place(l, key, json_string_value(v), &ways->way[0]);
        return;
    }
    if (json_array_size(v) == 0 || json_array_size(v) > PROFILE_WAYS_MAX)
        FAULT(l, "\"%s\": from 1 to %d places", key, PROFILE_WAYS_MAX);
    json_array_foreach(v, i, one) {
        if (i == PROFILE_WAYS_MAX)
            return;
        ways->n = (unsigned)i + 1;
        load_place(l, key, json_string_value(one), &ways->way[i]);
    }
}

static void load_fields(struct loader *l, json_t *root)
{
    struct profile *p = l->p;
    json_t *value;
    const char *key;

    json_object_foreach(json_object_get(root, "fields"), key, value) {
        size_t i = 0;

        while (i <= FIELDS && (!field_names[i] || strcmp(key, field_names[i]) != 0))
            i++;
        if (i > FIELDS)
            FAULT(l, "\"fields\": \"%s\" is not a field of ours", key);
        else
            loader_ways(l, key, value, i == FIELD_KIND ? &p->asked[0] : &p->fields[i]);
    }
    p->nasked = p->asked[0].n > 0;
    if (!p->fields[FIELD_SESSION].n || !p->fields[FIELD_NUMBER].n || !p->fields[FIELD_INPUT].n)
        FAULT(l, "\"fields\": session, number and input are needed");
}

static void load_echo(struct loader *l, json_t *root)
{
    struct profile *p = l->p;
    json_t *value;
    const char *key;
    unsigned n = 0;

    json_object_foreach(json_object_get(root, "echo"), key, value) {
        if (n == USSD_ECHOES) {
            FAULT(l, "\"echo\": at most %d", USSD_ECHOES);
            return;
        }
        loader_text(l, "echo", key, p->echo[n], sizeof p->echo[n]);
        if (p->echo[n][strspn(p->echo[n], "abcdefghijklmnopqrstuvwxyz_")] != '\0')
            FAULT(l, "\"echo\": \"%s\": letters a-z and _ only", key);
        loader_ways(l, key, value, &p->fields[FIELD_ECHO + n]);
        n++;
    }
}

/* ---- kinds ---- */

static void load_values(struct loader *l, json_t *values, unsigned asked)
{
    struct profile *p = l->p;
    json_t *value;
    const char *key;

    json_object_foreach(values, key, value) {
        if (p->nkinds == PROFILE_KINDS_MAX) {
            FAULT(l, "\"kinds\": at most %d values", PROFILE_KINDS_MAX);
            return;
        }
        loader_text(l, "kinds", key, p->kinds[p->nkinds].word, PROFILE_FIELD_MAX);
        p->kinds[p->nkinds].kind = (enum ussd_kind)loader_word(l, values, key, kind_words);
        p->kinds[p->nkinds++].asked = asked;
    }
}

static void load_kinds(struct loader *l, json_t *root)
{
    static const char *const keys[] = {"field", "values"};
    struct profile *p = l->p;
    json_t *kinds = json_object_get(root, "kinds"), *one;
    size_t i;

    if (!json_is_array(kinds)) {
        if ((json_object_size(kinds) > 0) != (p->nasked > 0))
            FAULT(l, "\"kinds\" and the field \"kind\" belong together");
        load_values(l, kinds, 0);
        return;
    }
    if (p->nasked > 0 || json_array_size(kinds) > PROFILE_ASKED_MAX)
        FAULT(l, "\"kinds\": a list of at most %d, and no field \"kind\"", PROFILE_ASKED_MAX);
    json_array_foreach(kinds, i, one) {
        if (i == PROFILE_ASKED_MAX)
            return;
        p->nasked = (unsigned)i + 1;
        loader_keys(l, one, "a row of \"kinds\"", keys, ARRAY_LEN(keys));
        loader_ways(l, "kinds.field", json_object_get(one, "field"), &p->asked[i]);
        load_values(l, json_object_get(one, "values"), (unsigned)i);
    }
}

static void load_urls(struct loader *l, json_t *root)
{
    static const char *const keys[] = {"method", "path", "kind"};
    struct profile *p = l->p;
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(root, "urls"), i, one) {
        if (i == PROFILE_URLS_MAX) {
            FAULT(l, "\"urls\": at most %d", PROFILE_URLS_MAX);
            return;
        }
        loader_keys(l, one, "a row of \"urls\"", keys, ARRAY_LEN(keys));
        loader_text(l, "urls.path", json_string_value(json_object_get(one, "path")),
                    p->urls[i].path, sizeof p->urls[i].path);
        p->urls[i].method = (enum profile_method)loader_word(l, one, "method", url_words);
        p->urls[i].kind = (enum ussd_kind)loader_word(l, one, "kind", kind_words);
        p->nurls = (unsigned)i + 1;
    }
    if (p->nurls == 0)
        p->method = (enum profile_method)loader_word(l, root, "method", method_words);
    else if (json_object_get(root, "method"))
        FAULT(l, "\"method\": \"urls\" says it");
}

/* ---- steps ---- */

static void load_step(struct loader *l, json_t *root)
{
    struct profile *p = l->p;

    p->path = loader_word(l, root, "input", input_words) != 0;
    p->code_in_path = json_is_true(json_object_get(root, "code_in_path"));
    p->one_start = json_is_true(json_object_get(root, "one_start"));
    p->fresh_ids = json_is_true(json_object_get(root, "fresh_ids"));
    p->bare_notices = json_is_true(json_object_get(root, "bare_notices"));
    p->step = (enum profile_step)loader_word_or(l, root, "step", step_words, STEP_SEQUENCE);
    if (p->code_in_path && !p->path)
        FAULT(l, "\"code_in_path\": of the input \"path\"");
    if (p->path && json_object_get(root, "step"))
        FAULT(l, "\"step\": the path itself is the step");
    if (p->fresh_ids && (p->path || p->step != STEP_SEQUENCE))
        FAULT(l, "\"fresh_ids\": where the carrier counts the hops");
    if (p->path)
        return;
    if (p->step == STEP_MESSAGE)
        p->repeat_ms =
            (unsigned)loader_int(l, root, "repeat_ms", PROFILE_REPEAT_MS, 200, 60 * 1000);
    else if (!p->fields[FIELD_SEQUENCE].n && !(p->step == STEP_ECHO && p->fields[FIELD_TOKEN].n))
        FAULT(l, "\"input\": \"last\" needs the field \"sequence\", or another \"step\": nothing "
                 "else tells two hops apart");
}

/* ---- sessions that are numbers ---- */

static bool is_shared(const struct profile_source *a, const struct profile_ways *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        if (a->place == b->way[i].place && strcmp(a->name, b->way[i].name) == 0)
            return true;
    }
    return false;
}

static bool tells_beginnings(const struct profile *p)
{
    bool tells = false;

    for (unsigned i = 0; i < p->nkinds; i++)
        tells |= p->kinds[i].kind == USSD_BEGIN;
    for (unsigned i = 0; i < p->nurls; i++)
        tells |= p->urls[i].kind == USSD_BEGIN;
    return tells;
}

/*
 * Hard case 8: the number as the dialogue's id comes again with the next dial. Something must tell
 * that it begins; where the number is used for want of an id only, the code that is dialled does.
 */
static void check_session(struct loader *l)
{
    const struct profile *p = l->p;
    const struct profile_ways *session = &p->fields[FIELD_SESSION];
    bool shared = false, first = is_shared(&session->way[0], &p->fields[FIELD_NUMBER]);

    for (unsigned i = 0; i < session->n; i++)
        shared |= is_shared(&session->way[i], &p->fields[FIELD_NUMBER]);
    if (session->n > 0 && (first || (shared && p->path)) && !tells_beginnings(p))
        FAULT(l, "\"fields.session\": it is the number, and no \"kinds\" or \"urls\" tell a "
                 "beginning: who dials again would answer an old screen");
    if (shared && p->fresh_ids)
        FAULT(l, "\"fresh_ids\": a number comes again");
}

/* ---- test traffic ---- */

static void load_test(struct loader *l, json_t *root)
{
    static const char *const keys[] = {"networks", "numbers"};
    json_t *test = json_object_get(root, "test"), *one;
    size_t i;

    loader_keys(l, test, "\"test\"", keys, ARRAY_LEN(keys));
    if (json_array_size(json_object_get(test, "networks")) > PROFILE_TESTS_MAX ||
        json_array_size(json_object_get(test, "numbers")) > PROFILE_TESTS_MAX)
        FAULT(l, "\"test\": at most %d of each", PROFILE_TESTS_MAX);
    json_array_foreach(json_object_get(test, "networks"), i, one) {
        if (i < PROFILE_TESTS_MAX)
            loader_text(l, "test.networks", json_string_value(one), l->p->test_networks[i],
                        sizeof l->p->test_networks[i]);
    }
    json_array_foreach(json_object_get(test, "numbers"), i, one) {
        if (i < PROFILE_TESTS_MAX)
            loader_text(l, "test.numbers", json_string_value(one), l->p->test_numbers[i],
                        sizeof l->p->test_numbers[i]);
    }
}

void profile_load_fields(struct loader *l, json_t *root)
{
    load_urls(l, root);
    load_fields(l, root);
    load_echo(l, root);
    load_kinds(l, root);
    load_step(l, root);
    check_session(l);
    load_test(l, root);
}
