/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors (hard case 18), token buckets, the fields of a request, the call's table of states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/headers.h"

#define KEY1 "1:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
#define KEY2 "2:6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b"

static struct seal_ring *ring_new(const char *text)
{
    struct seal_ring *ring;
    struct err e;

    if (seal_ring_new(str_c(text), &ring, &e) != 0)
        fail_msg("%s", e.msg);
    return ring;
}

static void cursors(void **state)
{
    struct seal_ring *ring = ring_new(KEY1), *next = ring_new(KEY2 " " KEY1),
                     *gone = ring_new(KEY2);
    struct str keys[2] = {STR("2026-01-02 03:04:05.6Z"), STR("42")}, got[3];
    struct str scope = STR("catalog.books\nlanguage=2:fr");
    char mem[CURSOR_TEXT_MAX];
    struct buf b;

    (void)state;
    buf_init(&b, CURSOR_TEXT_MAX);
    cursor_write(ring, scope, keys, 2, &b);
    struct str text = buf_str(&b);

    assert_true(cursor_read(ring, scope, text, mem, got, 2));
    assert_true(str_eq(got[0], keys[0]) && str_eq(got[1], keys[1]));
    assert_true(cursor_read(next, scope, text, mem, got, 2));
    assert_false(cursor_read(gone, scope, text, mem, got, 2));
    /* another filter, reader or number of keys */
    assert_false(cursor_read(ring, STR("catalog.books\nlanguage=2:en"), text, mem, got, 2));
    assert_false(cursor_read(ring, STR("catalog.books"), text, mem, got, 2));
    assert_false(cursor_read(ring, scope, text, mem, got, 1));
    assert_false(cursor_read(ring, scope, text, mem, got, 3));
    for (size_t i = 0; i < text.n; i++) {
        char was = b.p[i];

        b.p[i] = was == 'A' ? 'B' : 'A';
        assert_false(cursor_read(ring, scope, text, mem, got, 2));
        b.p[i] = was;
        assert_false(cursor_read(ring, scope, str_head(text, i), mem, got, 2));
    }
    assert_false(cursor_read(ring, scope, STR("%00"), mem, got, 2));
    buf_fini(&b);
    seal_ring_free(ring);
    seal_ring_free(next);
    seal_ring_free(gone);
}

/* The longest keys still make a cursor that the parameter's own limit takes. */
static void longest(void **state)
{
    struct seal_ring *ring = ring_new(KEY1);
    char key[CURSOR_KEY_MAX], mem[CURSOR_TEXT_MAX];
    struct str keys[3], got[3];
    struct buf b;

    (void)state;
    memset(key, '9', sizeof key);
    for (size_t i = 0; i < 3; i++)
        keys[i] = str_n(key, sizeof key);
    buf_init(&b, CURSOR_TEXT_MAX);
    cursor_write(ring, STR("s"), keys, 3, &b);
    assert_int_equal(b.failed, ERR_OK);
    assert_true(cursor_read(ring, STR("s"), buf_str(&b), mem, got, 3));
    buf_fini(&b);
    seal_ring_free(ring);
}

static void buckets(void **state)
{
    static struct bucket_table t;
    int64_t now = 1000;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(bucket_take(&t, STR("10.0.0.1"), 1, 3, 6, now), 0);
    assert_int_equal(bucket_take(&t, STR("10.0.0.1"), 1, 3, 6, now),
                     11); /* 10 s a token, rounded up */
    assert_int_equal(bucket_take(&t, STR("10.0.0.2"), 1, 3, 6, now), 0);
    assert_int_equal(bucket_take(&t, STR("10.0.0.1"), 2, 3, 6, now), 0); /* another route */
    assert_int_equal(bucket_take(&t, STR("10.0.0.1"), 1, 3, 6, now + 9999), 1);
    assert_int_equal(bucket_take(&t, STR("10.0.0.1"), 1, 3, 6, now + 10000), 0);
    assert_int_not_equal(bucket_take(&t, STR("10.0.0.1"), 1, 3, 6, now + 10000), 0);
    for (int i = 0; i < 3; i++) /* full again after long rest, and not fuller */
        assert_int_equal(bucket_take(&t, STR("10.0.0.1"), 1, 3, 6, now + (int64_t)1e12), 0);
    assert_int_not_equal(bucket_take(&t, STR("10.0.0.1"), 1, 3, 6, now + (int64_t)1e12), 0);
}

static void with_field(struct http_exchange *x, struct http_head *h, const char *name,
                       const char *value)
{
    h->nheaders = 1;
    h->headers[0] = (struct http_header){str_c(name), str_c(value)};
    x->head = h;
}

static void fields(void **state)
{
    static const struct {
        const char *name, *value;
        bool ok;
    } rows[] = {
        {"Accept", "*/*", true},
        {"Accept", "text/html, application/json;q=0.5", true},
        {"Accept", "application/problem+json", true},
        {"Accept", "", true},
        {"Accept", "text/xml", false}, /* hard case 6 */
        {"Accept", "application/jsonp", false},
        {"Content-Type", "application/json", true},
        {"Content-Type", "Application/JSON ; charset=UTF-8", true},
        {"Content-Type", "application/json; charset=\"utf-8\"", true},
        {"Content-Type", "application/json; charset=latin1", false},
        {"Content-Type", "text/plain", false},
        {"Content-Type", "application/x-www-form-urlencoded", false},
        {"Content-Type", "", false},
    };
    struct http_exchange x = {0};
    static struct http_head h;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        with_field(&x, &h, rows[i].name, rows[i].value);
        bool ok = *rows[i].name == 'A' ? headers_accept_ok(&x) : headers_json_ok(&x);

        if (ok != rows[i].ok)
            fail_msg("%s: %s", rows[i].name, rows[i].value);
    }
    with_field(&x, &h, "Other", "x");
    assert_true(headers_accept_ok(&x));
    assert_false(headers_json_ok(&x));
}

static void request_ids(void **state)
{
    static const char *const bad[] = {
        "short", "with space in", "new\tline12", "quote\"quote",
        "0123456789012345678901234567890123456789012345678901234567890"
        "1234"};
    struct http_exchange x = {0};
    static struct http_head h;
    char id[CALL_REQUEST_ID + 1];

    (void)state;
    with_field(&x, &h, "X-Request-Id", "abc-DEF_0.9");
    headers_request_id(&x, id);
    assert_string_equal(id, "abc-DEF_0.9");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        with_field(&x, &h, "X-Request-Id", bad[i]);
        headers_request_id(&x, id);
        assert_int_equal(strlen(id), 16);
    }
}

static void hosts(void **state)
{
    static const char *const words[] = {"api.coko.example", ".coko.test", "[::1]"};
    static const char *const all[] = {"*"};
    struct option_list list = {3, words}, any = {1, all}, none = {0};

    (void)state;
    assert_true(headers_host_ok(&list, STR("API.coko.example:8080")));
    assert_true(headers_host_ok(&list, STR("a.b.coko.test")));
    assert_true(headers_host_ok(&list, STR("coko.test")));
    assert_true(headers_host_ok(&list, STR("[::1]:8080")));
    assert_false(headers_host_ok(&list, STR("evilcoko.test")));
    assert_false(headers_host_ok(&list, STR("coko.example")));
    assert_false(headers_host_ok(&list, STR("")));
    assert_true(headers_host_ok(&any, STR("x")));
    assert_true(headers_host_ok(&none, STR("x")));
}

static void etags(void **state)
{
    struct str tag = STR("\"abc\"");

    (void)state;
    assert_true(headers_etag_match(STR("\"abc\""), tag));
    assert_true(headers_etag_match(STR("\"x\", W/\"abc\""), tag)); /* hard case 7 */
    assert_true(headers_etag_match(STR("*"), tag));
    assert_false(headers_etag_match(STR("\"ab\""), tag));
    assert_false(headers_etag_match(STR("abc"), tag));
    assert_false(headers_etag_match(STR_EMPTY, tag));
    assert_false(headers_etag_match((struct str){NULL, 0}, tag));
}

/* Every state can be reached from the first and leads to the last. */
static void states(void **state)
{
    unsigned reached = 1u << CALL_ROUTE, ends = 1u << CALL_DONE;

    (void)state;
    for (int pass = 0; pass < CALL_STATES; pass++) {
        for (unsigned s = 0; s < CALL_STATES; s++) {
            if (reached & 1u << s)
                reached |= call_state_out((enum call_state)s);
            if (call_state_out((enum call_state)s) & ends)
                ends |= 1u << s;
        }
    }
    assert_int_equal(reached, (1u << CALL_STATES) - 1);
    assert_int_equal(ends, (1u << CALL_STATES) - 1);
    assert_string_equal(call_state_name(CALL_SQL), "sql");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursors), cmocka_unit_test(longest),     cmocka_unit_test(buckets),
        cmocka_unit_test(fields),  cmocka_unit_test(request_ids), cmocka_unit_test(hosts),
        cmocka_unit_test(etags),   cmocka_unit_test(states),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
