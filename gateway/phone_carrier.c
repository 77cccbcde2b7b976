/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See phone_carrier.h.
 */
#include "gateway/phone_carrier.h"

#include <jansson.h>
#include <stdio.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/gsm.h"
#include "gateway/lib/jsonw.h"

#define CALLBACK_MAX (16 * 1024)

static struct str without_plus(const char *number)
{
    struct str s = str_c(number);

    return str_starts(s, STR("+")) ? str_skip(s, 1) : s;
}

/* "*384*26#" -> "*384*26" */
static struct str code_stem(struct str code)
{
    return str_ends(code, STR("#")) ? str_head(code, code.n - 1) : code;
}

/* ---- Africa's Talking: a form whose text holds every input so far ---- */

static void form_field(struct buf *b, const char *name, struct str value)
{
    if (b->len > 0)
        buf_addc(b, '&');
    buf_puts(b, name);
    buf_addc(b, '=');
    buf_url_component(b, value);
}

/* A long dial *384*26*1*2# arrives as text 1*2 on the first hop. */
static struct str long_dial(const struct phone_call *c, struct str dialled)
{
    struct str rest = code_stem(str_skip(dialled, code_stem(str_c(c->code)).n));

    return str_starts(rest, STR("*")) ? str_skip(rest, 1) : rest;
}

static void at_write(struct phone_call *c, struct str input, bool first)
{
    if (first) {
        buf_reset(&c->path);
        buf_adds(&c->path, long_dial(c, input));
    } else {
        /* the first input has no star before it unless something was dialled */
        if (c->path.len > 0 || c->hops > 1)
            buf_addc(&c->path, '*');
        buf_adds(&c->path, input);
    }
    form_field(&c->body, "sessionId", str_c(c->session));
    form_field(&c->body, "serviceCode", str_c(c->code));
    form_field(&c->body, "phoneNumber", str_c(c->number));
    form_field(&c->body, "networkCode", str_c(c->carrier->network));
    form_field(&c->body, "text", buf_str(&c->path));
}

static int at_read(struct phone_call *c, struct str body, struct err *e)
{
    bool goes_on = str_starts(body, STR("CON "));

    if (!goes_on && !str_starts(body, STR("END ")))
        return err_set(e, ERR_PROTOCOL, "the answer begins with neither CON nor END");
    buf_adds(&c->screen, str_skip(body, 4));
    c->open = goes_on;
    return 0;
}

/* ---- Hubtel: JSON, the last input only, Sequence counts ---- */

static void hubtel_write(struct phone_call *c, struct str input, bool first)
{
    struct str code = code_stem(str_c(c->code));
    char sequence[16];
    struct jsonw j;

    if (first)
        buf_reset(&c->echo);
    snprintf(sequence, sizeof sequence, "%u", c->hops + 1);
    jsonw_init(&j, &c->body);
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "Type", first ? "initiation" : "response");
    jsonw_kv_str(&j, "Message", input);
    jsonw_kv_str(&j, "ServiceCode", str_starts(code, STR("*")) ? str_skip(code, 1) : code);
    jsonw_kv_cstr(&j, "Operator", c->carrier->network);
    jsonw_kv_str(&j, "ClientState", buf_str(&c->echo));
    jsonw_kv_str(&j, "Mobile", without_plus(c->number));
    jsonw_kv_cstr(&j, "SessionId", c->session);
    jsonw_kv_cstr(&j, "Sequence", sequence);
    jsonw_kv_cstr(&j, "Platform", "USSD");
    jsonw_end(&j);
}

static struct str json_text(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);

    return str_n(json_string_value(v), json_string_length(v));
}

static int hubtel_read(struct phone_call *c, struct str body, struct err *e)
{
    json_t *v = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    struct str type = json_text(v, "Type");

    if (!str_case_eq(type, STR("response")) && !str_case_eq(type, STR("release"))) {
        json_decref(v);
        return err_set(e, ERR_PROTOCOL, "the answer is no JSON with Type response or release");
    }
    buf_adds(&c->screen, json_text(v, "Message"));
    buf_reset(&c->echo);
    buf_adds(&c->echo, json_text(v, "ClientState"));
    c->open = str_case_eq(type, STR("response"));
    json_decref(v);
    return 0;
}

/* ---- the phone ---- */

static const struct phone_carrier carriers[] = {
    {"africastalking", "Africa's Talking", "application/x-www-form-urlencoded", "+2250700000001",
     "61205", at_write, at_read},
    {"hubtel", "Hubtel", "application/json", "+233240000001", "mtn", hubtel_write, hubtel_read},
};

const struct phone_carrier *phone_carrier_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(carriers); i++) {
        if (strcmp(carriers[i].name, name) == 0)
            return &carriers[i];
    }
    return NULL;
}

const char *phone_carrier_names(void)
{
    return "africastalking|hubtel";
}

void phone_call_init(struct phone_call *c, const struct phone_carrier *carrier, const char *number,
                     const char *code)
{
    *c = (struct phone_call){
        .carrier = carrier, .number = number ? number : carrier->default_number, .code = code};
    buf_init(&c->path, CALLBACK_MAX);
    buf_init(&c->echo, CALLBACK_MAX);
    buf_init(&c->body, 4 * CALLBACK_MAX);
    buf_init(&c->last, PHONE_ANSWER_MAX);
    buf_init(&c->screen, PHONE_ANSWER_MAX);
}

void phone_call_fini(struct phone_call *c)
{
    buf_fini(&c->path);
    buf_fini(&c->echo);
    buf_fini(&c->body);
    buf_fini(&c->last);
    buf_fini(&c->screen);
}

static void new_session(struct phone_call *c)
{
    uint8_t random[16];
    char mem[2 * sizeof random + 1];
    struct buf hex;

    crypto_random(random, sizeof random);
    buf_init_fixed(&hex, mem, sizeof mem);
    hex_encode(&hex, random, sizeof random);
    snprintf(c->session, sizeof c->session, "%" STR_FMT, STR_ARG(buf_str(&hex)));
    c->hops = 0;
}

static int write_hop(struct phone_call *c, struct str input, bool first, struct err *e)
{
    buf_reset(&c->body);
    c->carrier->write(c, input, first);
    c->hops++;
    return buf_check(&c->body, e);
}

int phone_dial(struct phone_call *c, struct str dialled, struct err *e)
{
    struct str code = str_c(c->code), stem = code_stem(code);

    if (dialled.n == 0)
        dialled = code;
    struct str rest = str_skip(dialled, stem.n);

    if (!str_starts(dialled, stem) || !str_ends(rest, STR("#")) || (rest.n > 1 && *rest.p != '*'))
        return err_set(e, ERR_BAD_INPUT, "%" STR_FMT " is no code of this service, %s is",
                       STR_ARG(str_head(dialled, 40)), c->code);
    new_session(c);
    return write_hop(c, dialled, true, e);
}

int phone_answer(struct phone_call *c, struct str input, struct err *e)
{
    if (!c->open)
        return err_set(e, ERR_BAD_STATE, "no session is open, dial %s", c->code);
    return write_hop(c, input, false, e);
}

int phone_answered(struct phone_call *c, int status, struct str body, struct err *e)
{
    c->open = false;
    buf_reset(&c->screen);
    buf_reset(&c->last);
    buf_adds(&c->last, body);
    if (status != 200)
        return err_set(e, ERR_HTTP, "the service answered %d", status);
    if (buf_check(&c->last, e) != 0)
        return -1;
    return c->carrier->read(c, body, e);
}

bool phone_screen_count(struct str screen, char *out, size_t cap)
{
    ssize_t septets = gsm_septets(screen);
    size_t units = ucs2_units(screen);

    if (septets >= 0) {
        snprintf(out, cap, "%zd/%d", septets, PHONE_SCREEN_SEPTETS);
        return septets <= PHONE_SCREEN_SEPTETS;
    }
    snprintf(out, cap, "%zu/%d UCS-2", units, PHONE_SCREEN_UCS2);
    return units <= PHONE_SCREEN_UCS2;
}
