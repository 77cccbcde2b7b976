/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The "smpp" object of a profile: one dialect of USSD over SMPP. See profile.h for the language.
 */
#include "gateway/ussd/profile_parts.h"

#include <stdio.h>
#include <string.h>

static const struct word session_words[] = {{"its_session_info", DIALECT_SESSION_INFO},
                                            {"its_session_number", DIALECT_SESSION_NUMBER},
                                            {"user_message_reference", DIALECT_REFERENCE},
                                            {"short_code", DIALECT_SHORT_CODE},
                                            {NULL, 0}};
static const struct word says_words[] = {{"ussd_service_op", 0}, {"service_type", 1}, {NULL, 0}};

static const char *const heard_names[DIALECT_KINDS] = {[DIALECT_BEGIN] = "begin",
                                                       [DIALECT_ANSWER] = "answer",
                                                       [DIALECT_TOLD] = "told",
                                                       [DIALECT_ABORT] = "abort"};
static const char *const said_names[DIALECT_WORDS] = {[DIALECT_ASK] = "ask",
                                                      [DIALECT_CLOSE] = "close",
                                                      [DIALECT_PUSH_ASK] = "push_ask",
                                                      [DIALECT_PUSH_TELL] = "push_tell"};
static const char *const other_keys[] = {"session", "says", "service_type", "end_bit",
                                         "data_coding"};

/* An op is a number and a service_type a text: "17", which might be 17 or 0x17, is neither. */
static void load_said(struct loader *l, const char *key, json_t *v, uint8_t *op, char *type)
{
    if (l->p->dialect.by_service_type)
        loader_text(l, key, json_string_value(v), type, DIALECT_TYPE_MAX);
    else if (json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= 255)
        *op = (uint8_t)json_integer_value(v);
    else
        FAULT(l, "\"smpp.%s\": a whole number from 0 to 255", key);
}

static void load_heard(struct loader *l, json_t *o, enum dialect_kind kind)
{
    struct dialect *d = &l->p->dialect;
    json_t *list = json_object_get(o, heard_names[kind]), *v;
    size_t i;

    if (list && !json_is_array(list))
        FAULT(l, "\"smpp.%s\": a list", heard_names[kind]);
    if (json_array_size(list) > DIALECT_SAID_MAX)
        FAULT(l, "\"smpp.%s\": at most %d", heard_names[kind], DIALECT_SAID_MAX);
    if (json_array_size(list) == 0 && kind <= DIALECT_ANSWER)
        FAULT(l, "\"smpp.%s\": a dialogue needs it", heard_names[kind]);
    json_array_foreach(list, i, v) {
        if (i == DIALECT_SAID_MAX)
            break;
        load_said(l, heard_names[kind], v, &d->heard[kind].op[i], d->heard[kind].type[i]);
        if (d->by_service_type && d->heard[kind].type[i][0] == '\0')
            FAULT(l, "\"smpp.%s\": \"\" begins every service_type", heard_names[kind]);
        d->heard[kind].n = (unsigned)i + 1;
    }
}

static bool is_known(const char *key)
{
    for (size_t i = 0; i < DIALECT_KINDS; i++) {
        if (strcmp(key, heard_names[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < DIALECT_WORDS; i++) {
        if (strcmp(key, said_names[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(other_keys); i++) {
        if (strcmp(key, other_keys[i]) == 0)
            return true;
    }
    return false;
}

static void load_limits(struct loader *l, json_t *o)
{
    struct dialect *d = &l->p->dialect;
    const struct menu_limits *limits = &l->p->limits;

    d->ucs2 = limits->charset == MENU_UCS2;
    d->limit = limits->max;
    if (limits->charset != MENU_GSM7 && limits->charset != MENU_UCS2)
        FAULT(l, "\"charset\": gsm7 or ucs2 over SMPP");
    if (limits->max > (d->ucs2 ? 80u : (unsigned)DIALECT_TEXT_MAX))
        FAULT(l, "\"limit\": at most 182 septets or 80 UCS-2 units (3GPP TS 23.090)");
    d->coding = (uint8_t)loader_int(l, o, "data_coding", d->ucs2 ? 8 : 0, 0, 255);
}

void profile_load_smpp(struct loader *l, json_t *root)
{
    struct dialect *d = &l->p->dialect;
    json_t *o = json_object_get(root, "smpp"), *v;
    const char *key;

    l->p->pushes = true;
    l->p->repeat_ms = PROFILE_REPEAT_MS;
    snprintf(l->p->reply[REPLY_CONTINUE], PROFILE_REPLY_MAX, "%c$text", PROFILE_SAYS_ASK);
    snprintf(l->p->reply[REPLY_INPUT], PROFILE_REPLY_MAX, "%c$text", PROFILE_SAYS_ASK);
    snprintf(l->p->reply[REPLY_END], PROFILE_REPLY_MAX, "%c$text", PROFILE_SAYS_END);
    if (!json_is_object(o)) {
        FAULT(l, "\"smpp\": an object with the dialect");
        return;
    }
    json_object_foreach(o, key, v) {
        if (!is_known(key))
            FAULT(l, "\"smpp.%s\" is not a key of a dialect", key);
    }
    d->key = (enum dialect_key)loader_word(l, o, "session", session_words);
    d->by_service_type = loader_word(l, o, "says", says_words) != 0;
    d->end_bit = json_is_true(json_object_get(o, "end_bit"));
    if (!d->by_service_type)
        loader_text(l, "service_type", json_string_value(json_object_get(o, "service_type")),
                    d->service_type, sizeof d->service_type);
    for (size_t i = 0; i < DIALECT_KINDS; i++)
        load_heard(l, o, (enum dialect_kind)i);
    for (size_t i = 0; i < DIALECT_WORDS; i++)
        load_said(l, said_names[i], json_object_get(o, said_names[i]), &d->said[i].op,
                  d->said[i].type);
    load_limits(l, o);
}
