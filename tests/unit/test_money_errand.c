/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a refund or a mandate still leaves. The machine's source is included here, with a network and a
 * database that the test looks into; the answers of rails are the integration tests' business.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/io/http_client.h"
#include "gateway/io/pg.h"
#include "gateway/money/money_parts.h"

static void fake_send(struct http_client *hc, struct op *op, const struct http_request *rq);
static void fake_exec(struct pg *pg, struct op *op, const struct pg_stmt *s,
                      const struct pg_params *p);
static int64_t fake_now(struct loop *l);

#define http_client_send fake_send
#define pg_exec          fake_exec
#define loop_now_ms      fake_now
#include "gateway/money/errand.c"
#undef loop_now_ms
#undef pg_exec
#undef http_client_send

static struct bench {
    struct loop *loop;
    struct money money;
    struct errands of;
    struct errand w;
    int64_t now_ms;
    bool asks; /* the request moves nothing */
    unsigned sent;
    char event[32], reason[64];
} bench;

static int64_t fake_now(struct loop *l)
{
    (void)l;
    return bench.now_ms;
}

static void fake_send(struct http_client *hc, struct op *op, const struct http_request *rq)
{
    (void)hc;
    (void)op;
    assert_string_equal(rq->url, "http://rail.test/");
    bench.sent++;
}

static void fake_exec(struct pg *pg, struct op *op, const struct pg_stmt *s,
                      const struct pg_params *p)
{
    (void)pg;
    (void)s;
    if (op == &bench.w.record) { /* else the claim */
        snprintf(bench.event, sizeof bench.event, "%s", (const char *)p->v[2].data);
        snprintf(bench.reason, sizeof bench.reason, "%s", (const char *)p->v[4].data);
    }
}

static void request(struct errand *w, struct http_request *rq)
{
    (void)w;
    *rq = (struct http_request){
        .method = "POST", .url = "http://rail.test/", .no_resend = !bench.asks};
}

static void params(struct errand *w, struct pg_params *p)
{
    (void)w;
    (void)p;
}

static const struct errand_kind kind = {.name = "test", .request = request, .params = params};

static int setup(void **state)
{
    struct err e = {0};

    (void)state;
    bench = (struct bench){.now_ms = 5000};
    bench.loop = loop_new(&e);
    assert_non_null(bench.loop);
    bench.money.d.loop = bench.loop;
    errands_init(&bench.of, &kind, &bench.money);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(bench.loop);
    return 0;
}

/* A work that was claimed for when the clock said 5000, and gets its token `after_ms` later. */
static void leaves(bool submit, unsigned follows, int64_t after_ms)
{
    errands_claim(&bench.of);
    bench.w = (struct errand){.of = &bench.of,
                              .m = &bench.money,
                              .submit = submit,
                              .follows = follows,
                              .claimed_at_ms = bench.of.claimed_at_ms};
    *bench.event = '\0';
    bench.sent = 0;
    bench.now_ms += after_ms;
    call(&bench.w);
    bench.now_ms -= after_ms;
}

static void a_submit_leaves_within_its_lease(void **state)
{
    (void)state;
    leaves(true, 0, 0);
    assert_int_equal(bench.sent, 1);
    leaves(true, 0, MONEY_SEND_WITHIN_MS);
    assert_int_equal(bench.sent, 1);
    assert_string_equal(bench.event, "");
}

/* M4: by now another has asked about it, found nothing and sent it. */
static void one_of_a_lease_of_the_past_is_given_back(void **state)
{
    (void)state;
    leaves(true, 0, MONEY_SEND_WITHIN_MS + 1);
    assert_int_equal(bench.sent, 0);
    assert_string_equal(bench.event, "not_sent");
    assert_string_equal(bench.reason, "too late to send");
}

/* A key was asked for in time; the request that moves the money under it would leave too late. */
static void the_money_is_late_though_its_key_was_not(void **state)
{
    (void)state;
    leaves(true, 1, MONEY_SEND_WITHIN_MS);
    assert_int_equal(bench.sent, 1);
    leaves(true, 1, MONEY_SEND_WITHIN_MS + 1);
    assert_int_equal(bench.sent, 0);
    assert_string_equal(bench.event, "not_sent");
}

/* They make nothing begin: a question, and the rest of what has left already. */
static void what_begins_nothing_is_never_too_late(void **state)
{
    (void)state;
    bench.asks = true;
    leaves(false, 0, 10 * MONEY_SEND_WITHIN_MS);
    assert_int_equal(bench.sent, 1);
    leaves(true, 1, 10 * MONEY_SEND_WITHIN_MS);
    assert_int_equal(bench.sent, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_submit_leaves_within_its_lease, setup, teardown),
        cmocka_unit_test_setup_teardown(one_of_a_lease_of_the_past_is_given_back, setup, teardown),
        cmocka_unit_test_setup_teardown(the_money_is_late_though_its_key_was_not, setup, teardown),
        cmocka_unit_test_setup_teardown(what_begins_nothing_is_never_too_late, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
