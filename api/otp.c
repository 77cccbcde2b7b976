/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers otp_request and otp_verify. See otp.h.
 *
 * The answer is the same whether or not the number is known: a number that asks for a code becomes
 * an identity, exactly as one that dials for the first time.
 */
#include "api/otp.h"

#include <stdio.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/jsonw.h"
#include "gateway/lib/log.h"
#include "gateway/lib/msisdn.h"
#include "gateway/lib/utf8.h"

#define CODE_DIGITS    6
#define CODE_LIFE_S    600 /* auth.request_otp */
#define BODY_MAX       1024
#define PREFIX_DIGITS  7
#define USER_AGENT_MAX 200
#define REFRESH_BYTES  32
#define PLACEHOLDER    STR("{code}")

/* false: the problem is set. The number goes to SQL as a keyed hash only. */
static bool number_of(struct call *c, struct msisdn *m)
{
    const struct param_value *country = call_param(c, "country");
    char iso[3] = "";
    struct err e;

    (void)!str_to_c(country->present ? country->text : str_c(c->a->c.otp_country_default), iso,
                    sizeof iso);
    if (msisdn_parse(call_param(c, "phone")->text, iso, m, &e) != 0 || !*m->country) {
        problem_pointer(&c->problem, STR("phone"), "invalid",
                        "is not a phone number of a country that is served");
        return false;
    }
    return true;
}

static void add_lookup(struct call *c, const struct msisdn *m)
{
    uint8_t lookup[32];

    seal_lookup(c->a->d.ring, STR("phone"), str_c(m->digits), lookup);
    call_var_bytes(c, "lookup", lookup, sizeof lookup);
}

/* Keyed with the number, so that one row's hash says nothing about another's code. */
static void add_code_hash(struct call *c, const struct msisdn *m, struct str code)
{
    char value[MSISDN_MAX + 1 + CODE_DIGITS + 1];
    uint8_t hash[32];
    int n =
        snprintf(value, sizeof value, "%s:%.*s", m->digits, (int)MIN(code.n, CODE_DIGITS), code.p);

    seal_mac(c->a->d.ring, SEAL_OTP, STR("otp.login"), str_n(value, (size_t)n), hash);
    crypto_wipe(value, sizeof value);
    call_var_bytes(c, "otp_hash", hash, sizeof hash);
}

/* ---- request ---- */

static void add_sealed_number(struct call *c, const struct msisdn *m)
{
    char mem[SEAL_OVERHEAD + MSISDN_MAX], id[16];
    struct buf sealed;

    buf_init_fixed(&sealed, mem, sizeof mem);
    seal_close(c->a->d.ring, STR("auth.identity"), str_c(m->digits), &sealed);
    call_var_bytes(c, "sealed", sealed.p, sealed.len);
    snprintf(id, sizeof id, "%u", seal_ring_id(c->a->d.ring, 0));
    call_var_text(c, "key_id", str_c(id));
}

static void request_begin(struct call *c)
{
    struct msisdn *m = arena_zalloc(&c->arena, 1, sizeof *m);
    uint8_t ip[32];

    if (!m) {
        problem_set(&c->problem, PROBLEM_INTERNAL, NULL);
        return;
    }
    c->scratch = m;
    if (!number_of(c, m))
        return;
    add_lookup(c, m);
    add_sealed_number(c, m);
    call_var_text(c, "country", str_c(m->country));
    call_var_text(c, "prefix", str_head(str_c(m->digits), PREFIX_DIGITS));
    seal_lookup(c->a->d.ring, STR("ip"), str_c(c->x->peer), ip);
    call_var_bytes(c, "ip_hash", ip, sizeof ip);
}

/* The template's text with the code in its place; false: no place for it. */
static bool body_write(struct str template, struct str code, struct buf *out)
{
    ptrdiff_t at = str_find(template, PLACEHOLDER);

    if (at < 0)
        return false;
    buf_adds(out, str_head(template, (size_t)at));
    buf_adds(out, code);
    buf_adds(out, str_skip(template, (size_t)at + PLACEHOLDER.n));
    return !out->failed;
}

static void add_sealed_body(struct call *c, struct str code)
{
    char clear_mem[BODY_MAX], sealed_mem[BODY_MAX + SEAL_OVERHEAD];
    struct buf clear, sealed;

    buf_init_fixed(&clear, clear_mem, sizeof clear_mem);
    buf_init_fixed(&sealed, sealed_mem, sizeof sealed_mem);
    if (body_write(pg_str(&c->op, 0, pg_col(&c->op, "body")), code, &clear)) {
        seal_close(c->a->d.ring, STR("otp.body"), buf_str(&clear), &sealed);
        call_var_bytes(c, "body", sealed.p, sealed.len);
    } else {
        log_error(NULL, "no usable template", "key=otp request_id=%s", c->request_id);
        problem_set(&c->problem, PROBLEM_INTERNAL, NULL);
    }
    crypto_wipe(clear_mem, sizeof clear_mem);
}

static void request_prepare(struct call *c)
{
    const struct msisdn *m = c->scratch;
    char code[CODE_DIGITS + 1];

    if (pg_rows(&c->op) == 0) {
        problem_pointer(&c->problem, STR("phone"), "invalid",
                        "is not a phone number of a country that is served");
        return;
    }
    call_var_text(c, "network", pg_str(&c->op, 0, pg_col(&c->op, "network")));
    crypto_random_digits(code, CODE_DIGITS);
    add_code_hash(c, m, str_c(code));
    add_sealed_body(c, str_c(code));
    crypto_wipe(code, sizeof code);
}

static void request_render(struct call *c, struct buf *out)
{
    struct jsonw j;

    if (!str_eq(pg_str(&c->op, 0, pg_col(&c->op, "outcome")), STR("sent"))) {
        c->problem.retry_after_s =
            (unsigned)MAX(pg_i64(&c->op, 0, pg_col(&c->op, "retry_after_s")), 1);
        problem_set(&c->problem, PROBLEM_RATE_LIMITED, NULL);
        return;
    }
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kv_str(&j, "request_id", pg_str(&c->op, 0, pg_col(&c->op, "request_id")));
    jsonw_kv_i64(&j, "expires_in", CODE_LIFE_S);
    jsonw_end(&j);
}

static const char *const request_vars[] = {"lookup",  "sealed",   "key_id", "country", "prefix",
                                           "network", "otp_hash", "body",   "ip_hash", NULL};

const struct call_handler otp_request_handler = {.name = "otp_request",
                                                 .vars = request_vars,
                                                 .begin = request_begin,
                                                 .prepare = request_prepare,
                                                 .render = request_render};

/* ---- verify ---- */

static void add_user_agent(struct call *c)
{
    struct str agent = http_header(c->x, "user-agent");

    agent =
        agent.p && utf8_valid(agent) ? str_head(agent, utf8_cut(agent, USER_AGENT_MAX)) : STR_EMPTY;
    call_var_text(c, "user_agent", agent);
}

/* The token is kept for the reply; SQL sees its keyed hash. */
static void add_refresh(struct call *c)
{
    uint8_t random[REFRESH_BYTES], hash[32];
    size_t size = REFRESH_BYTES * 2;
    char *text = arena_zalloc(&c->arena, 1, size);
    struct buf b;

    if (!text) {
        problem_set(&c->problem, PROBLEM_INTERNAL, NULL);
        return;
    }
    crypto_random(random, sizeof random);
    buf_init_fixed(&b, text, size - 1);
    base64_encode(&b, BASE64_URL, random, sizeof random);
    seal_mac(c->a->d.ring, SEAL_TOKEN, STR("api.refresh"), buf_str(&b), hash);
    call_var_bytes(c, "refresh_hash", hash, sizeof hash);
    c->scratch = text;
}

static void verify_begin(struct call *c)
{
    struct msisdn m;

    if (!number_of(c, &m))
        return;
    add_lookup(c, &m);
    add_code_hash(c, &m, call_param(c, "code")->text);
    add_refresh(c);
    add_user_agent(c);
}

static void write_tokens(struct call *c, struct buf *out)
{
    struct jwt_claims who;
    char mem[JWT_TEXT_MAX];
    struct buf token;
    struct jsonw j;

    if (!str_to_c(pg_str(&c->op, 0, pg_col(&c->op, "public_id")), who.user, sizeof who.user) ||
        !str_to_c(pg_str(&c->op, 0, pg_col(&c->op, "session_id")), who.session,
                  sizeof who.session)) {
        problem_set(&c->problem, PROBLEM_INTERNAL, NULL);
        return;
    }
    buf_init_fixed(&token, mem, sizeof mem);
    jwt_mint(&c->a->jwt, &who, clock_wall_us() / 1000000, &token);
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kv_str(&j, "access_token", buf_str(&token));
    jsonw_kv_cstr(&j, "token_type", "Bearer");
    jsonw_kv_i64(&j, "expires_in", c->a->jwt.ttl_s);
    jsonw_kv_cstr(&j, "refresh_token", c->scratch);
    jsonw_key(&j, "user");
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "id", who.user);
    jsonw_end(&j);
    jsonw_end(&j);
    crypto_wipe(mem, sizeof mem);
}

static void verify_render(struct call *c, struct buf *out)
{
    struct str outcome = pg_str(&c->op, 0, pg_col(&c->op, "outcome"));

    if (str_eq(outcome, STR("ok"))) {
        write_tokens(c, out);
    } else if (str_eq(outcome, STR("wrong"))) {
        c->problem.tries_left = (int)pg_i64(&c->op, 0, pg_col(&c->op, "tries_left"));
        problem_set(&c->problem, PROBLEM_OTP_WRONG, NULL);
    } else if (str_eq(outcome, STR("locked"))) {
        problem_set(&c->problem, PROBLEM_OTP_LOCKED, NULL);
    } else {
        problem_set(&c->problem, PROBLEM_OTP_EXPIRED, NULL);
    }
}

static const char *const verify_vars[] = {"lookup", "otp_hash", "refresh_hash", "user_agent", NULL};

const struct call_handler otp_verify_handler = {
    .name = "otp_verify", .vars = verify_vars, .begin = verify_begin, .render = verify_render};
