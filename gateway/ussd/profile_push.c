/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a profile says of pushes: loading it, the headers of a push, and what an answer to one says.
 * See profile.h for the language.
 */
#include <string.h>

#include "gateway/ussd/profile_parts.h"
#include "gateway/ussd/profile_read.h"

static const struct {
    const char *name;
    char mark;
} secrets[] = {{"$user", PROFILE_USER_MARK},
               {"$password", PROFILE_PASSWORD_MARK},
               {"$token", PROFILE_TOKEN_MARK}};

/* ---- loading ---- */

/* The names of what is secret become marks. */
static void mark(char *value)
{
    char *at;

    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        size_t n = strlen(secrets[i].name);

        while ((at = strstr(value, secrets[i].name)) != NULL) {
            *at = secrets[i].mark;
            memmove(at + 1, at + n, strlen(at + n) + 1);
        }
    }
}

static void load_header(struct loader *l, const char *name, json_t *value)
{
    struct profile *p = l->p;
    unsigned n = p->push.nheaders;

    if (n == PROFILE_PUSH_HEADERS_MAX) {
        FAULT(l, "\"push.headers\": at most %d", PROFILE_PUSH_HEADERS_MAX);
        return;
    }
    p->push.nheaders++;
    loader_text(l, "push.headers", name, p->push.headers[n].name, sizeof p->push.headers[n].name);
    loader_text(l, name, json_string_value(value), p->push.headers[n].value,
                sizeof p->push.headers[n].value);
    if (name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")] != 0)
        FAULT(l, "\"push.headers\": \"%s\": letters, digits and - only", name);
    mark(p->push.headers[n].value);
    if (strchr(p->push.headers[n].value, '$'))
        FAULT(l, "\"push.headers\": \"%s\": $user, $password and $token only", name);
}

static void load_taken(struct loader *l, json_t *taken)
{
    json_t *value;
    const char *key;

    if (json_object_size(taken) > 1)
        FAULT(l, "\"push.taken\": one place and its word");
    json_object_foreach(taken, key, value) {
        json_t *place = json_string(key);

        loader_ways(l, "push.taken", place, &l->p->push.taken);
        json_decref(place);
        loader_text(l, "push.taken", json_string_value(value), l->p->push.word,
                    sizeof l->p->push.word);
        return;
    }
}

void profile_load_push(struct loader *l, json_t *root)
{
    static const char *const keys[] = {"headers", "ask", "tell", "taken"};
    json_t *push = json_object_get(root, "push"), *value;
    const char *key;

    if (!push)
        return;
    l->p->pushes = true;
    loader_keys(l, push, "\"push\"", keys, ARRAY_LEN(keys));
    loader_template(l, push, "push", "ask", REPLY_PUSH_ASK);
    loader_template(l, push, "push", "tell", REPLY_PUSH_TELL);
    if (!strstr(l->p->reply[REPLY_PUSH_ASK], "$session") ||
        !strstr(l->p->reply[REPLY_PUSH_ASK], "$text") ||
        !strstr(l->p->reply[REPLY_PUSH_TELL], "$text"))
        FAULT(l,
              "\"push\": \"$text\" stands in both forms, \"$session\" where an answer is wanted");
    json_object_foreach(json_object_get(push, "headers"), key, value)
        load_header(l, key, value);
    load_taken(l, json_object_get(push, "taken"));
}

/* ---- a push ---- */

static struct str secret_of(const struct profile_fill *f, char c)
{
    switch (c) {
    case PROFILE_USER_MARK: return f->user;
    case PROFILE_PASSWORD_MARK: return f->password;
    case PROFILE_TOKEN_MARK: return f->token;
    default: return STR_EMPTY;
    }
}

bool profile_push_has(const char *value, const struct profile_fill *f)
{
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        if (strchr(value, secrets[i].mark) && secret_of(f, secrets[i].mark).n == 0)
            return false;
    }
    return true;
}

bool profile_push_bears(const struct profile *p)
{
    for (unsigned i = 0; i < p->push.nheaders; i++) {
        if (strchr(p->push.headers[i].value, PROFILE_TOKEN_MARK))
            return true;
    }
    return false;
}

void profile_fill_header(const char *value, const struct profile_fill *f, struct buf *out)
{
    for (; *value; value++) {
        struct str secret = secret_of(f, *value);

        if (*value >= ' ')
            buf_addc(out, *value);
        for (size_t i = 0; i < secret.n; i++) {
            if ((unsigned char)secret.p[i] >= ' ')
                buf_addc(out, secret.p[i]);
        }
    }
}

bool profile_push_taken(const struct profile *p, struct str answer)
{
    const struct profile_request rq = {.method = HTTP_POST, .body = answer};
    struct profile_scratch s = {.used = 0};
    struct profile_reader r;
    struct err e = {0};
    struct str said;
    bool taken;

    if (p->push.taken.n == 0)
        return true;
    taken = profile_read_open(&r, p, &rq, &s, &e) == 0 &&
            profile_read(&r, &p->push.taken, PROFILE_FIELD_MAX - 1, &said) == 0 && said.p &&
            str_eq_c(said, p->push.word);
    profile_read_close(&r);
    return taken;
}
