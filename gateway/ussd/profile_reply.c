/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading what a profile says of replies: templates, rows of options, headers. See profile.h for the
 * language.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/ussd/profile_parts.h"

static const char *const names[REPLY_ACK + 1] = {[REPLY_CONTINUE] = "continue",
                                                 [REPLY_END] = "end",
                                                 [REPLY_SILENT] = "silent",
                                                 [REPLY_INPUT] = "input",
                                                 [REPLY_REFUSED] = "refused",
                                                 [REPLY_STATUS] = "status",
                                                 [REPLY_ACK] = "ack"};
static const char *const known_keys[] = {"type",    "escape",  "continue", "end",
                                         "silent",  "input",   "refused",  "status",
                                         "options", "headers", "ack"};
static const struct word escape_words[] = {{"none", ESCAPE_NONE},
                                           {"json", ESCAPE_JSON},
                                           {"xml", ESCAPE_XML},
                                           {"html", ESCAPE_HTML},
                                           {"url", ESCAPE_URL},
                                           {"pipe", ESCAPE_PIPE},
                                           {NULL, 0}};

/* ---- templates ---- */

/* "$step" alone is a number, "$active" a boolean: their quotes go. */
static void unquote(char *json, const char *quoted)
{
    size_t n = strlen(quoted);
    char *at;

    while ((at = strstr(json, quoted)) != NULL) {
        memmove(at, at + 1, n - 2);
        memmove(at + n - 2, at + n, strlen(at + n) + 1);
    }
}

static char *joined(json_t *list)
{
    struct buf b;
    json_t *line;
    size_t i, n;

    buf_init(&b, 2 * PROFILE_REPLY_MAX);
    json_array_foreach(list, i, line)
        buf_puts(&b, json_is_string(line) ? json_string_value(line) : "");
    buf_addc(&b, '\0');
    char *text = buf_take(&b, &n);

    if (!text)
        buf_fini(&b);
    return text;
}

void loader_template(struct loader *l, json_t *object, const char *of, const char *key,
                     enum profile_reply kind)
{
    struct profile *p = l->p;
    json_t *v = json_object_get(object, key);
    char *made = json_is_object(v)  ? json_dumps(v, JSON_COMPACT)
                 : json_is_array(v) ? joined(v)
                                    : NULL;

    if (made && json_is_object(v)) {
        unquote(made, "\"$step\"");
        unquote(made, "\"$active\"");
    }
    loader_text(l, key, made ? made : json_string_value(v), p->reply[kind], PROFILE_REPLY_MAX);
    free(made);
    if (!profile_template_ok(p, p->reply[kind], false))
        FAULT(l, "\"%s.%s\": a '$' that begins no name", of, key);
}

static bool has_screen(const struct profile *p, enum profile_reply kind)
{
    return strstr(p->reply[kind], "$text") || strstr(p->reply[kind], "$head");
}

static void load_templates(struct loader *l, json_t *reply)
{
    struct profile *p = l->p;

    for (int kind = 0; kind <= REPLY_ACK; kind++) {
        bool optional = kind >= REPLIES && !json_object_get(reply, names[kind]);

        if (!optional)
            loader_template(l, reply, "reply", names[kind], (enum profile_reply)kind);
        if ((kind == REPLY_CONTINUE || kind == REPLY_END) &&
            !has_screen(p, (enum profile_reply)kind))
            FAULT(l, "\"reply.%s\": \"$text\" does not stand in it", names[kind]);
    }
    if (!json_object_get(reply, names[REPLY_INPUT]))
        memcpy(p->reply[REPLY_INPUT], p->reply[REPLY_CONTINUE], PROFILE_REPLY_MAX);
    p->asynchronous = json_object_get(reply, names[REPLY_ACK]) != NULL;
    if (p->one_start && !*p->reply[REPLY_REFUSED])
        FAULT(l, "\"one_start\" needs \"reply.refused\"");
}

/* ---- the rest ---- */

static enum profile_escape usual_escape(const struct profile *p, json_t *reply)
{
    if (json_is_object(json_object_get(reply, "continue")))
        return ESCAPE_JSON;
    if (strstr(p->content_type, "html"))
        return ESCAPE_HTML;
    return strstr(p->content_type, "xml") ? ESCAPE_XML : ESCAPE_NONE;
}

static void load_row(struct loader *l, const char *key, json_t *v, char *row)
{
    loader_text(l, key, json_string_value(v), row, PROFILE_ROW_MAX);
    if (!profile_template_ok(l->p, row, true))
        FAULT(l, "\"reply.%s\": a '$' that begins no name", key);
}

static void load_options(struct loader *l, json_t *reply)
{
    static const char *const keys[] = {"choice", "nav", "between"};
    struct profile *p = l->p;
    json_t *o = json_object_get(reply, "options");
    bool used = strstr(p->reply[REPLY_CONTINUE], "$options") != NULL;

    if (used != (o != NULL))
        FAULT(l, "\"reply.options\" and \"$options\" belong together");
    if (!o)
        return;
    if (!json_is_object(o)) {
        load_row(l, "options", o, p->row[0]);
        memcpy(p->row[1], p->row[0], PROFILE_ROW_MAX);
        return;
    }
    loader_keys(l, o, "\"options\"", keys, ARRAY_LEN(keys));
    load_row(l, "options.choice", json_object_get(o, "choice"), p->row[0]);
    load_row(l, "options.nav", json_object_get(o, json_object_get(o, "nav") ? "nav" : "choice"),
             p->row[1]);
    if (json_object_get(o, "between"))
        loader_text(l, "options.between", json_string_value(json_object_get(o, "between")),
                    p->between, sizeof p->between);
}

/* A header may say each outcome's own value, or one for all. */
static void load_headers(struct loader *l, json_t *reply)
{
    struct profile *p = l->p;
    json_t *value;
    const char *key;

    json_object_foreach(json_object_get(reply, "headers"), key, value) {
        unsigned n = p->nheaders;

        if (n == PROFILE_HEADERS_MAX) {
            FAULT(l, "\"reply.headers\": at most %d", PROFILE_HEADERS_MAX);
            return;
        }
        p->nheaders++;
        loader_text(l, "reply.headers", key, p->headers[n].name, sizeof p->headers[n].name);
        if (p->headers[n].name[strspn(p->headers[n].name,
                                      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-")] != '\0')
            FAULT(l, "\"reply.headers\": \"%s\": letters, digits and - only", key);
        loader_keys(l, value, "a header", names, REPLIES);
        for (int kind = 0; kind < REPLIES; kind++) {
            json_t *own = json_is_object(value) ? json_object_get(value, names[kind]) : value;

            if (own)
                loader_text(l, key, json_string_value(own), p->headers[n].value[kind],
                            sizeof p->headers[n].value[kind]);
        }
    }
}

void profile_load_reply(struct loader *l, json_t *root)
{
    struct profile *p = l->p;
    json_t *reply = json_object_get(root, "reply");

    loader_keys(l, reply, "\"reply\"", known_keys, ARRAY_LEN(known_keys));
    loader_text(l, "reply.type", json_string_value(json_object_get(reply, "type")), p->content_type,
                sizeof p->content_type);
    p->escape = (enum profile_escape)loader_word_or(l, reply, "escape", escape_words,
                                                    (int)usual_escape(p, reply));
    load_templates(l, reply);
    load_options(l, reply);
    load_headers(l, reply);
}
