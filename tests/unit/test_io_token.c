/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mint for all who wait (hard case 19). The token's source is included here with a client that
 * the test answers by hand; the loop is real.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/io/http_client.h"

static void fake_send(struct http_client *hc, struct op *op, const struct http_request *rq);
static const struct http_response *fake_response(const struct op *op);
static int64_t fake_now(struct loop *l);

#define http_client_send     fake_send
#define http_client_response fake_response
#define loop_now_ms          fake_now
#include "gateway/io/token.c"
#undef loop_now_ms

#define WAITERS 50

static struct loop *loop;
static struct token token;
static struct http_response answer_now;
static unsigned sent;
static int64_t now_ms;

static int64_t fake_now(struct loop *l)
{
    (void)l;
    return now_ms;
}

static void fake_send(struct http_client *hc, struct op *op, const struct http_request *rq)
{
    (void)hc;
    assert_non_null(rq->url);
    sent++;
    op_attach(op, NULL);
}

static const struct http_response *fake_response(const struct op *op)
{
    return op->result;
}

/* ---- an owner whose answer is its body ---- */

static const char owner[] = "http://rail.test/";

static void fake_request(const void *mine, struct arena *a, struct http_request *rq)
{
    assert_ptr_equal(mine, owner);
    *rq = (struct http_request){.method = "POST", .url = arena_printf(a, "%s", owner)};
}

/* "value life" */
static bool fake_read(const void *mine, const struct http_response *rs, struct token_value *t)
{
    struct str value, life;
    int64_t s;

    assert_ptr_equal(mine, owner);
    if (rs->status != 200 || !str_cut(rs->body, ' ', &value, &life) ||
        !str_to_i64(life, 1, 86400, &s))
        return false;
    snprintf(t->text, sizeof t->text, "%" STR_FMT, STR_ARG(value));
    t->expires_s = (unsigned)s;
    return true;
}

static const struct token_mint mint = {fake_request, fake_read}, unneeded = {NULL, NULL};

static void reply(int status, const char *body)
{
    answer_now = (struct http_response){.status = status, .body = str_c(body)};
    op_complete(&token.op, &answer_now, NULL);
    loop_turn(loop, false);
}

static int setup(void **state)
{
    struct err e = {0};

    (void)state;
    loop = loop_new(&e);
    now_ms = 1000000;
    sent = 0;
    token_init(&token, loop, NULL, &mint, owner, "fake");
    return loop ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    token_fini(&token);
    loop_free(loop);
    return 0;
}

/* ---- waiters ---- */

struct seen {
    struct token_waiter w;
    unsigned calls;
    char value[32]; /* "-": none could be minted */
    bool again;     /* wants once more from inside fn, having been refused */
    struct seen *forget;
};

static void on_value(struct token_waiter *w, const char *value)
{
    struct seen *s = container_of(w, struct seen, w);

    s->calls++;
    snprintf(s->value, sizeof s->value, "%s", value ? value : "-");
    if (s->forget)
        token_forget(&s->forget->w);
    if (s->again && value) {
        s->again = false;
        token_refused(&token, value);
        token_want(&token, &s->w);
    }
}

static void want(struct seen *s)
{
    s->w.fn = on_value;
    list_init(&s->w.node);
    token_want(&token, &s->w);
}

static void test_fifty_waiters_one_mint_case_19(void **state)
{
    static struct seen s[WAITERS];

    (void)state;
    memset(s, 0, sizeof s);
    for (size_t i = 0; i < WAITERS; i++)
        want(&s[i]);
    assert_int_equal(sent, 1);
    assert_int_equal(s[0].calls, 0);
    reply(200, "T1 3600");
    for (size_t i = 0; i < WAITERS; i++) {
        assert_int_equal(s[i].calls, 1);
        assert_string_equal(s[i].value, "T1");
    }
    assert_int_equal(sent, 1);
}

static void test_a_mint_that_fails_fails_all_and_the_next_mints_anew(void **state)
{
    struct seen s[3] = {0};

    (void)state;
    want(&s[0]);
    want(&s[1]);
    reply(503, "");
    assert_string_equal(s[0].value, "-");
    assert_string_equal(s[1].value, "-");
    want(&s[2]);
    assert_int_equal(sent, 2);
    op_fail(&token.op, ERR_TIMEOUT, "none");
    loop_turn(loop, false);
    assert_string_equal(s[2].value, "-");
}

/* A storm of 401s to one value is one mint; the late ones do not drop the new value. */
static void test_a_401_storm_is_one_mint(void **state)
{
    static struct seen s[WAITERS];

    (void)state;
    memset(s, 0, sizeof s);
    want(&s[0]);
    reply(200, "T1 3600");
    for (size_t i = 0; i < WAITERS; i++) {
        token_refused(&token, "T1");
        want(&s[i]);
    }
    assert_int_equal(sent, 2);
    reply(200, "T2 3600");
    token_refused(&token, "T1");
    want(&s[0]);
    assert_int_equal(sent, 2);
    assert_string_equal(s[0].value, "T2");
}

static void test_want_again_from_inside_waits_for_the_next_mint(void **state)
{
    struct seen s = {.again = true};

    (void)state;
    want(&s);
    reply(200, "T1 3600");
    assert_int_equal(s.calls, 1);
    assert_int_equal(sent, 2);
    reply(200, "T2 3600");
    assert_int_equal(s.calls, 2);
    assert_string_equal(s.value, "T2");
}

static void test_the_forgotten_are_not_called(void **state)
{
    struct seen s[3] = {0};

    (void)state;
    want(&s[0]);
    want(&s[1]);
    want(&s[2]);
    s[0].forget = &s[1]; /* while the answer is being given out */
    token_forget(&s[2].w);
    token_forget(&s[2].w); /* legal at any time */
    reply(200, "T1 3600");
    assert_int_equal(s[0].calls, 1);
    assert_int_equal(s[1].calls, 0);
    assert_int_equal(s[2].calls, 0);
}

static void test_life_ends_a_minute_early(void **state)
{
    struct seen s = {0};

    (void)state;
    want(&s);
    reply(200, "T1 3600");
    now_ms += 3539 * 1000;
    want(&s);
    assert_int_equal(s.calls, 2);
    now_ms += 1000;
    want(&s);
    assert_int_equal(sent, 2);
    assert_int_equal(s.calls, 2);
    reply(200, "T2 3600");
    assert_string_equal(s.value, "T2");
}

static void test_a_short_life_is_used_for_half_of_it(void **state)
{
    struct seen s = {0};

    (void)state;
    want(&s);
    reply(200, "T1 20");
    now_ms += 9999;
    want(&s);
    assert_int_equal(sent, 1);
    now_ms += 1;
    want(&s);
    assert_int_equal(sent, 2);
    reply(200, "T2 1"); /* whoever waited has it; nobody after */
    assert_string_equal(s.value, "T2");
    want(&s);
    assert_int_equal(sent, 3);
}

static void test_freed_while_minting(void **state)
{
    struct seen s = {0};

    (void)state;
    want(&s);
    token_forget(&s.w);
    token_fini(&token);
    loop_turn(loop, false);
    assert_int_equal(s.calls, 0);
    token_init(&token, loop, NULL, &mint, owner, "fake");
}

static void test_who_needs_none_is_served_at_once(void **state)
{
    struct seen s = {0};

    (void)state;
    token_fini(&token);
    token_init(&token, loop, NULL, &unneeded, owner, "open");
    want(&s);
    assert_int_equal(s.calls, 1);
    assert_string_equal(s.value, "");
    assert_int_equal(sent, 0);
}

static void test_the_client_stands_in_the_form(void **state)
{
    struct http_request rq;
    struct arena a;

    (void)state;
    arena_init(&a, 256, 4096);
    token_ask_form(&a, "https://x.test/token", "id&1", "s=\r\n%", &rq);
    assert_true(str_eq_c(rq.body, "grant_type=client_credentials&client_id=id%261&client_secret="
                                  "s%3D%0D%0A%25"));
    assert_string_equal(rq.method, "POST");
    assert_string_equal(rq.url, "https://x.test/token");
    assert_string_equal(rq.headers[0], "Content-Type: application/x-www-form-urlencoded");
    assert_null(rq.headers[1]);
    arena_fini(&a);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_fifty_waiters_one_mint_case_19),
        T(test_a_mint_that_fails_fails_all_and_the_next_mints_anew),
        T(test_a_401_storm_is_one_mint),
        T(test_want_again_from_inside_waits_for_the_next_mint),
        T(test_the_forgotten_are_not_called),
        T(test_life_ends_a_minute_early),
        T(test_a_short_life_is_used_for_half_of_it),
        T(test_freed_while_minting),
        T(test_who_needs_none_is_served_at_once),
        T(test_the_client_stands_in_the_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
