/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP parser: a head, its path and query decoded, the rest as a chunked body. Checked besides
 * memory: the answer does not depend on how the bytes were cut, and every string lies in the input.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/io/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct str s, const char *p, size_t len)
{
    assert(s.n == 0 || (s.p >= p && s.p + s.n <= p + len));
}

static void body(const char *rest, size_t len)
{
    char *copy = malloc(len + 1), *slow = malloc(len + 1);
    struct http_chunks a = {0}, b = {0};
    size_t in = 0, out = 0, in_slow = 0, out_slow = 0;
    int rc, rc_slow = HTTP_MORE;

    assert(copy != NULL && slow != NULL);
    memcpy(copy, rest, len);
    memcpy(slow, rest, len);
    rc = http_chunks_feed(&a, copy, len, &in, &out);
    for (size_t n = 1; n <= len && rc_slow == HTTP_MORE; n++)
        rc_slow = http_chunks_feed(&b, slow, n, &in_slow, &out_slow);
    assert(rc == rc_slow && out <= in && in <= len);
    assert(rc == HTTP_BAD || (in == in_slow && out == out_slow && memcmp(copy, slow, out) == 0));
    free(copy);
    free(slow);
}

static void whole(const struct http_head *h, const char *p, size_t len)
{
    char out[HTTP_TARGET_MAX + 1];

    inside(h->target, p, len);
    inside(h->host, p, len);
    for (unsigned i = 0; i < h->nheaders; i++) {
        inside(h->headers[i].name, p, len);
        inside(h->headers[i].value, p, len);
    }
    assert(h->size <= len && !(h->chunked && h->has_length));
    if (http_path_decode(h->path, out, sizeof out) > 0)
        assert(memchr(out, '\0', 1) == NULL);
    assert(http_form_value(h->query, "text", out, sizeof out) >= -2);
    body(p + h->size, len - h->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data;
    struct http_head h;
    size_t seen = 0, seen_slow = 0;
    int rc = http_parse_head(p, size, &seen, &h), rc_slow = HTTP_MORE;
    size_t n = 0;

    if (rc > 0)
        whole(&h, p, size);
    while (n < size && rc_slow == HTTP_MORE)
        rc_slow = http_parse_head(p, ++n, &seen_slow, &h);
    assert(rc == rc_slow ||
           size > HTTP_TARGET_MAX); /* beyond it, which limit comes first may differ */
    return 0;
}
