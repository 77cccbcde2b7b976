/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP parser: hard case HTTP 1 (the smuggling set), limits (HTTP 3), every input cut at every
 * byte and laid against an unmapped page, paths, forms, chunks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/io/http_parse.h"

static char *page_end; /* one past the last readable byte */
#define ROOM (64u * 1024u)

static int set_up(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *mem = mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    if (mem == MAP_FAILED || mprotect(mem + ROOM, page, PROT_NONE) != 0)
        return -1;
    page_end = mem + ROOM;
    return 0;
}

/* The input laid so that the byte behind it cannot be read. */
static char *guard(const char *data, size_t len)
{
    memcpy(page_end - len, data, len);
    return page_end - len;
}

static int parse(const char *data, size_t len, struct http_head *h)
{
    size_t seen = 0;

    return http_parse_head(guard(data, len), len, &seen, h);
}

#define H "Host: a\r\n"

static const struct {
    const char *name;
    const char *text;
    int expect;
} table[] = {
    {"plain", "GET / HTTP/1.1\r\n" H "\r\n", 1},
    {"1.0 without host", "GET / HTTP/1.0\r\n\r\n", 1},
    {"options star", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 1},
    {"unknown method", "BREW /pot HTTP/1.1\r\n" H "\r\n", 1},
    {"chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n", 1},
    {"length", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n", 1},
    {"empty value", "GET / HTTP/1.1\r\n" H "X:\r\n\r\n", 1},
    {"two lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
     HTTP_BAD},
    {"two equal lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\ncontent-length: 5\r\n\r\n",
     HTTP_BAD},
    {"length list", "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", HTTP_BAD},
    {"plus length", "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", HTTP_BAD},
    {"minus length", "POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n", HTTP_BAD},
    {"hex length", "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", HTTP_BAD},
    {"empty length", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", HTTP_BAD},
    {"huge length", "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n",
     HTTP_BAD},
    {"length then coding",
     "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_BAD},
    {"coding then length",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", HTTP_BAD},
    {"unknown coding and length",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n", HTTP_BAD},
    {"two codings",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     HTTP_BAD},
    {"coding in 1.0", "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", HTTP_BAD},
    {"unknown coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n",
     HTTP_NOT_IMPLEMENTED},
    {"vertical tab coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\vchunked\r\n\r\n",
     HTTP_BAD},
    {"bare LF in line", "GET / HTTP/1.1\n" H "\r\n", HTTP_BAD},
    {"bare LF in field", "GET / HTTP/1.1\r\nHost: a\n\r\n", HTTP_BAD},
    {"bare LF at end", "GET / HTTP/1.1\r\n" H "\n", HTTP_BAD},
    {"bare CR in value", "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", HTTP_BAD},
    {"CR before CRLF", "GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n", HTTP_BAD},
    {"space before colon", "POST / HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\n", HTTP_BAD},
    {"tab before colon", "POST / HTTP/1.1\r\n" H "Content-Length\t: 5\r\n\r\n", HTTP_BAD},
    {"folded", "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", HTTP_BAD},
    {"folded first", "GET / HTTP/1.1\r\n " H "\r\n", HTTP_BAD},
    {"no colon", "GET / HTTP/1.1\r\n" H "Xyz\r\n\r\n", HTTP_BAD},
    {"empty name", "GET / HTTP/1.1\r\n" H ": x\r\n\r\n", HTTP_BAD},
    {"name with quote", "GET / HTTP/1.1\r\n" H "\"X\": x\r\n\r\n", HTTP_BAD},
    {"control in value", "GET / HTTP/1.1\r\n" H "X: a\001b\r\n\r\n", HTTP_BAD},
    {"no host", "GET / HTTP/1.1\r\n\r\n", HTTP_BAD},
    {"two hosts", "GET / HTTP/1.1\r\n" H H "\r\n", HTTP_BAD},
    {"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", HTTP_BAD},
    {"host with space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HTTP_BAD},
    {"host with slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HTTP_BAD},
    {"absolute form", "GET http://b/ HTTP/1.1\r\n" H "\r\n", HTTP_BAD},
    {"authority form", "CONNECT b:443 HTTP/1.1\r\n" H "\r\n", HTTP_BAD},
    {"star with GET", "GET * HTTP/1.1\r\n" H "\r\n", HTTP_BAD},
    {"fragment", "GET /#x HTTP/1.1\r\n" H "\r\n", HTTP_BAD},
    {"raw byte in target", "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", HTTP_BAD},
    {"two spaces", "GET  / HTTP/1.1\r\n" H "\r\n", HTTP_BAD},
    {"space at end of line", "GET / HTTP/1.1 \r\n" H "\r\n", HTTP_BAD},
    {"tab in line", "GET\t/\tHTTP/1.1\r\n" H "\r\n", HTTP_BAD},
    {"no version", "GET /\r\n" H "\r\n", HTTP_BAD},
    {"lower-case version", "GET / http/1.1\r\n" H "\r\n", HTTP_BAD},
    {"version 2", "GET / HTTP/2.0\r\n" H "\r\n", HTTP_VERSION},
    {"version 1.2", "GET / HTTP/1.2\r\n" H "\r\n", HTTP_VERSION},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", HTTP_BAD},
    {"leading empty line", "\r\nGET / HTTP/1.1\r\n" H "\r\n", HTTP_BAD},
    {"TLS hello", "\x16\x03\x01\x02\x01\x01\n", HTTP_BAD},
    {"bad method", "G(T / HTTP/1.1\r\n" H "\r\n", HTTP_BAD},
    {"expect", "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n", 1},
    {"expect other", "POST / HTTP/1.1\r\n" H "Expect: coffee\r\n\r\n", HTTP_EXPECTATION},
};

static void smuggling_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct http_head h;
        int rc = parse(table[i].text, strlen(table[i].text), &h);

        if (rc != table[i].expect)
            fail_msg("%s: %d, expected %d", table[i].name, rc, table[i].expect);
    }
}

/* Fed byte by byte the answer is the same, and never an earlier "complete". */
static void cut_at_every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        size_t len = strlen(table[i].text), seen = 0;
        struct http_head h;
        int rc = HTTP_MORE;

        for (size_t n = 1; n <= len && rc == HTTP_MORE; n++) {
            rc = http_parse_head(guard(table[i].text, n), n, &seen, &h);
            if (rc > 0)
                assert_int_equal(n, len);
        }
        if (rc != table[i].expect)
            fail_msg("%s in pieces: %d, expected %d", table[i].name, rc, table[i].expect);
    }
}

static void fields_are_cut(void **state)
{
    static const char text[] = "POST /a/b?c=d&e HTTP/1.1\r\nHost: x.example:80\r\n"
                               "X-One: \t two words \t\r\nConnection: Upgrade, CLOSE\r\n"
                               "Content-Length: 12\r\n\r\nGET / HTTP";
    struct http_head h;

    (void)state;
    assert_int_equal(parse(text, sizeof text - 1, &h), 1);
    assert_int_equal(h.method, HTTP_POST);
    assert_true(str_eq_c(h.path, "/a/b"));
    assert_true(str_eq_c(h.query, "c=d&e"));
    assert_true(str_eq_c(h.host, "x.example:80"));
    assert_true(str_eq_c(http_head_get(&h, "x-one"), "two words"));
    assert_null(http_head_get(&h, "x-two").p);
    assert_false(h.keep_alive);
    assert_int_equal(h.content_length, 12);
    assert_int_equal(h.size, sizeof text - 1 - 10);
}

static void keep_alive_rules(void **state)
{
    struct http_head h;

    (void)state;
    assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n", 18, &h), 1);
    assert_false(h.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 42, &h), 1);
    assert_true(h.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.1\r\n" H "\r\n", 27, &h), 1);
    assert_true(h.keep_alive);
}

static int parse_filled(const char *head, size_t fill, const char *tail)
{
    size_t head_len = strlen(head), tail_len = strlen(tail), seen = 0;
    char *data = malloc(head_len + fill + tail_len);
    struct http_head h;
    int rc;

    assert_non_null(data);
    memcpy(data, head, head_len);
    memset(data + head_len, 'a', fill);
    memcpy(data + head_len + fill, tail, tail_len);
    rc = http_parse_head(data, head_len + fill + tail_len, &seen, &h);
    free(data);
    return rc;
}

static void limits(void **state)
{
    char many[16 * 70 + 64] = "GET / HTTP/1.1\r\n" H;

    (void)state;
    assert_int_equal(parse_filled("GET /", HTTP_TARGET_MAX - 1, " HTTP/1.1\r\n" H "\r\n"), 1);
    assert_int_equal(parse_filled("GET /", HTTP_TARGET_MAX, " HTTP/1.1\r\n" H "\r\n"),
                     HTTP_URI_LONG);
    assert_int_equal(parse_filled("GET /", HTTP_TARGET_MAX + 100, ""), HTTP_URI_LONG);
    assert_int_equal(parse_filled("GET / HTTP/1.1\r\n" H "X: ", HTTP_HEAD_MAX, ""),
                     HTTP_FIELDS_LARGE);
    assert_int_equal(parse_filled("GET / HTTP/1.1\r\n" H "X: ", HTTP_HEAD_MAX, "\r\n\r\n"),
                     HTTP_FIELDS_LARGE);
    assert_int_equal(parse_filled("GET / HTTP/1.1\r\n" H "X: ", HTTP_HEAD_MAX - 100, "\r\n\r\n"),
                     1);
    for (int i = 0; i < 70; i++)
        memcpy(many + strlen(many), "X-Header: abc\r\n", 16);
    memcpy(many + strlen(many), "\r\n", 3);
    assert_int_equal(parse_filled(many, 0, ""), HTTP_FIELDS_LARGE);
}

static void paths(void **state)
{
    static const struct {
        const char *in, *out; /* out NULL: refused */
    } rows[] = {
        {"/", "/"},
        {"/a%20b", "/a b"},
        {"/caf%C3%A9", "/caf\xc3\xa9"},
        {"/%41", "/A"},
        {"/%2541", "/%41"}, /* once, not twice */
        {"/a..b/...", "/a..b/..."},
        {"/%00", NULL},
        {"/a%2Fb", NULL},
        {"/a%5cb", NULL},
        {"/a\\b", NULL},
        {"/../x", NULL},
        {"/a/..", NULL},
        {"/a/./b", NULL},
        {"/%2e%2e/x", NULL},
        {"/%", NULL},
        {"/%4", NULL},
        {"/%zz", NULL},
        {"/%0a", NULL},
        {"/%7f", NULL},
        {"/%ff", NULL},
        {"/%c0%af", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[32];
        size_t len = strlen(rows[i].in);
        ptrdiff_t n = http_path_decode(str_n(guard(rows[i].in, len), len), out, sizeof out);

        if (rows[i].out == NULL && n >= 0)
            fail_msg("%s was accepted", rows[i].in);
        if (rows[i].out != NULL && !str_eq_c(str_n(out, n < 0 ? 0 : (size_t)n), rows[i].out))
            fail_msg("%s was not decoded", rows[i].in);
    }
    assert_int_equal(http_path_decode(STR("/abc"), (char[3]){0}, 3), -1);
}

static void forms(void **state)
{
    char out[16];
    struct str f = STR("a=1&b=x+y%26z&text=&c&d=1&d=2&bad=%0&nul=%00&long=0123456789abcdef&%65=e");

    (void)state;
    assert_int_equal(http_form_value(f, "a", out, sizeof out), 1);
    assert_string_equal(out, "1");
    assert_int_equal(http_form_value(f, "b", out, sizeof out), 5);
    assert_string_equal(out, "x y&z");
    assert_int_equal(http_form_value(f, "text", out, sizeof out), 0);
    assert_int_equal(http_form_value(f, "c", out, sizeof out), 0);
    assert_int_equal(http_form_value(f, "e", out, sizeof out), 1);
    assert_int_equal(http_form_value(f, "zz", out, sizeof out), -1);
    assert_int_equal(http_form_value(f, "d", out, sizeof out), -2);
    assert_int_equal(http_form_value(f, "bad", out, sizeof out), -2);
    assert_int_equal(http_form_value(f, "nul", out, sizeof out), -2);
    assert_int_equal(http_form_value(f, "long", out, sizeof out), -2);
    assert_int_equal(http_form_value(STR_EMPTY, "a", out, sizeof out), -1);
}

static const struct {
    const char *in;
    int rc;
    const char *out;
    size_t rest; /* bytes left behind the body */
} bodies[] = {
    {"5\r\nhello\r\n0\r\n\r\n", 1, "hello", 0},
    {"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nT: v\r\n\r\nGET", 1, "hello world", 3},
    {"A\r\n0123456789\r\n0\r\n\r\n", 1, "0123456789", 0},
    {"0\r\n\r\n", 1, "", 0},
    {"5\r\nhel", HTTP_MORE, "hel", 0},
    {"5\nhello\r\n0\r\n\r\n", HTTP_BAD, NULL, 0},
    {"5\r\nhello\n0\r\n\r\n", HTTP_BAD, NULL, 0},
    {"5\r\nhelloX\r\n0\r\n\r\n", HTTP_BAD, NULL, 0},
    {"\r\nhello", HTTP_BAD, NULL, 0},
    {"+5\r\nhello\r\n", HTTP_BAD, NULL, 0},
    {"0x5\r\nhello\r\n", HTTP_BAD, NULL, 0},
    {" 5\r\nhello\r\n", HTTP_BAD, NULL, 0},
    {"5 \r\nhello\r\n", HTTP_BAD, NULL, 0},
    {"1000000000000000\r\n", HTTP_BAD, NULL, 0},
    {"0\r\n\n", HTTP_BAD, NULL, 0},
    {"0\r\nT: a\nb\r\n\r\n", HTTP_BAD, NULL, 0},
};

/* step 1: byte by byte, as a slow peer sends it. */
static int feed(const char *text, size_t step, char *data, size_t *in, size_t *out)
{
    struct http_chunks c = {0};
    size_t len = strlen(text);
    int rc = HTTP_MORE;

    *in = *out = 0;
    memcpy(data, text, len);
    for (size_t n = step; rc == HTTP_MORE; n += step) {
        rc = http_chunks_feed(&c, data, n < len ? n : len, in, out);
        if (n >= len)
            break;
    }
    return rc;
}

static void chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        for (size_t step = 1; step <= strlen(bodies[i].in); step++) {
            size_t len = strlen(bodies[i].in), in, out;
            char *data = page_end - len;
            int rc = feed(bodies[i].in, step, data, &in, &out);

            if (rc != bodies[i].rc)
                fail_msg("body %zu by %zu: %d", i, step, rc);
            if (rc == HTTP_BAD)
                continue;
            assert_true(str_eq_c(str_n(data, out), bodies[i].out));
            assert_int_equal(len - in, bodies[i].rest);
        }
    }
}

static void chunk_notes_are_bounded(void **state)
{
    char text[2048] = "0\r\n";
    struct http_chunks c = {0};
    size_t in = 0, out = 0;

    (void)state;
    memset(text + 3, 'a', 1500);
    assert_int_equal(http_chunks_feed(&c, text, 1503, &in, &out), HTTP_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smuggling_set),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(fields_are_cut),
        cmocka_unit_test(keep_alive_rules),
        cmocka_unit_test(limits),
        cmocka_unit_test(paths),
        cmocka_unit_test(forms),
        cmocka_unit_test(chunks),
        cmocka_unit_test(chunk_notes_are_bounded),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
