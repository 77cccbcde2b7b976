/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request parser of http_parse.h. Two passes: head_end looks for the empty line over the bytes
 * that are new since the last call and refuses every line end that is not CRLF; then the request
 * line and the fields are cut in one walk over a head that is known to be whole.
 */
#include "gateway/io/http_parse.h"

#include <string.h>
#include <strings.h>

#define IS_TOKEN  1u /* RFC 9110 5.6.2 tchar */
#define IS_TARGET 2u /* visible ASCII but '#' */
#define IS_VALUE  4u /* field value: visible, SP, HTAB, obs-text */
#define IS_HOST   8u

static unsigned char class_of[256];

__attribute__((constructor)) static void classes_init(void)
{
    for (unsigned c = 0; c < 256; c++) {
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        unsigned bits = 0;

        if (alnum || (c > 0x20 && c < 0x7f && strchr("!#$%&'*+-.^_`|~", (int)c) != NULL))
            bits |= IS_TOKEN;
        if (c > 0x20 && c < 0x7f && c != '#')
            bits |= IS_TARGET;
        if ((c >= 0x20 && c != 0x7f) || c == '\t')
            bits |= IS_VALUE;
        if (alnum || (c != 0 && c < 0x7f && strchr("-._~:[]", (int)c) != NULL))
            bits |= IS_HOST;
        class_of[c] = (unsigned char)bits;
    }
}

static bool is(char c, unsigned bits)
{
    return (class_of[(unsigned char)c] & bits) != 0;
}

static bool all(const char *p, size_t len, unsigned bits)
{
    for (size_t i = 0; i < len; i++)
        if (!is(p[i], bits))
            return false;
    return true;
}

static struct str span(const char *from, const char *to)
{
    return (struct str){.p = from, .n = (size_t)(to - from)};
}

static bool word_is(struct str s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* ---- the head's end ---- */

/* Nothing ended yet: the ceilings that hold before the head is whole. */
static int head_unfinished(const char *data, size_t len)
{
    if (len > HTTP_TARGET_MAX + 32 && memchr(data, '\n', HTTP_TARGET_MAX + 32) == NULL)
        return HTTP_URI_LONG;
    return len > HTTP_HEAD_MAX ? HTTP_FIELDS_LARGE : HTTP_MORE;
}

/* 1 and *size when the empty line stands in data; every LF met must follow a CR. */
static int head_end(const char *data, size_t len, size_t *seen, size_t *size)
{
    size_t window = len < HTTP_HEAD_MAX + 1 ? len : HTTP_HEAD_MAX + 1;
    size_t at = *seen;

    while (at < window) {
        const char *lf = memchr(data + at, '\n', window - at);
        size_t i;

        if (lf == NULL)
            break;
        i = (size_t)(lf - data);
        if (i == 0 || data[i - 1] != '\r')
            return HTTP_BAD;
        if (i >= 3 && data[i - 2] == '\n') {
            *size = i + 1;
            return 1;
        }
        at = i + 1;
    }
    *seen = window;
    return head_unfinished(data, len);
}

/* ---- the request line ---- */

static const struct {
    const char *name;
    enum http_method method;
} methods[] = {
    {"GET", HTTP_GET},     {"HEAD", HTTP_HEAD},     {"POST", HTTP_POST},       {"PUT", HTTP_PUT},
    {"PATCH", HTTP_PATCH}, {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS},
};

static enum http_method method_of(struct str name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strlen(methods[i].name) == name.n && memcmp(methods[i].name, name.p, name.n) == 0)
            return methods[i].method;
    return HTTP_OTHER;
}

static int version_read(struct str v, unsigned *minor)
{
    if (v.n != 8 || memcmp(v.p, "HTTP/", 5) != 0 || v.p[6] != '.' || v.p[5] < '0' || v.p[5] > '9' ||
        v.p[7] < '0' || v.p[7] > '9')
        return HTTP_BAD;
    if (v.p[5] != '1' || v.p[7] > '1')
        return HTTP_VERSION;
    *minor = (unsigned)(v.p[7] - '0');
    return 1;
}

static int target_read(struct http_head *h)
{
    const char *end = h->target.p + h->target.n;
    const char *mark;

    if (h->target.n > HTTP_TARGET_MAX)
        return HTTP_URI_LONG;
    if (h->target.n == 0 || !all(h->target.p, h->target.n, IS_TARGET))
        return HTTP_BAD;
    if (h->target.p[0] != '/' && !(h->method == HTTP_OPTIONS && word_is(h->target, "*")))
        return HTTP_BAD; /* absolute and authority form: we are no proxy */
    mark = memchr(h->target.p, '?', h->target.n);
    h->path = span(h->target.p, mark != NULL ? mark : end);
    h->query = span(mark != NULL ? mark + 1 : end, end);
    return 1;
}

static int line_read(const char *p, const char *end, struct http_head *h)
{
    const char *sp1 = memchr(p, ' ', (size_t)(end - p));
    const char *sp2 = sp1 != NULL ? memchr(sp1 + 1, ' ', (size_t)(end - sp1 - 1)) : NULL;
    int rc;

    if (sp2 == NULL)
        return HTTP_BAD;
    h->method_name = span(p, sp1);
    if (h->method_name.n == 0 || h->method_name.n > 32 || !all(p, h->method_name.n, IS_TOKEN))
        return HTTP_BAD;
    h->method = method_of(h->method_name);
    h->target = span(sp1 + 1, sp2);
    rc = target_read(h);
    return rc > 0 ? version_read(span(sp2 + 1, end), &h->minor) : rc;
}

/* ---- the fields ---- */

static int length_read(struct http_head *h, struct str v)
{
    uint64_t n = 0;

    if (h->has_length || v.n == 0 || v.n > 18)
        return HTTP_BAD;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return HTTP_BAD;
        n = n * 10 + (uint64_t)(v.p[i] - '0');
    }
    h->has_length = true;
    h->content_length = n;
    return 1;
}

static int coding_read(struct http_head *h, struct str v)
{
    if (h->chunked || h->minor == 0 || v.n == 0)
        return HTTP_BAD;
    h->chunked = true; /* also for an unknown coding: a second field or a length is then seen */
    return word_is(v, "chunked") ? 1 : HTTP_NOT_IMPLEMENTED;
}

static int host_read(struct http_head *h, struct str v)
{
    if (h->host.p != NULL || v.n == 0 || v.n > 255 || !all(v.p, v.n, IS_HOST))
        return HTTP_BAD;
    h->host = v;
    return 1;
}

static int connection_read(struct http_head *h, struct str v)
{
    const char *p = v.p, *end = v.p + v.n;

    while (p < end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma != NULL ? comma : end;
        const char *next = comma != NULL ? comma + 1 : end;

        while (p < stop && (*p == ' ' || *p == '\t'))
            p++;
        while (stop > p && (stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        if (word_is(span(p, stop), "close"))
            h->keep_alive = false;
        else if (h->minor == 0 && word_is(span(p, stop), "keep-alive"))
            h->keep_alive = true;
        p = next;
    }
    return 1;
}

static int expect_read(struct http_head *h, struct str v)
{
    if (!word_is(v, "100-continue"))
        return HTTP_EXPECTATION;
    h->expect_continue = h->minor == 1;
    return 1;
}

static const struct {
    const char *name;
    int (*read)(struct http_head *h, struct str value);
} known[] = {
    {"content-length", length_read},
    {"transfer-encoding", coding_read},
    {"host", host_read},
    {"connection", connection_read},
    {"expect", expect_read},
};

static int field_known(struct http_head *h, const struct http_header *f)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (word_is(f->name, known[i].name))
            return known[i].read(h, f->value);
    return 1;
}

static int field_read(const char *p, const char *end, struct http_header *f)
{
    const char *colon = p;

    while (colon < end && is(*colon, IS_TOKEN))
        colon++;
    if (colon == p || colon == end || *colon != ':')
        return HTTP_BAD; /* folded, space before the colon, no colon, an empty or illegal name */
    f->name = span(p, colon);
    p = colon + 1;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    f->value = span(p, end);
    return all(p, f->value.n, IS_VALUE) ? 1 : HTTP_BAD;
}

/* A later fault may be graver: 400 wins over what only says "not supported". */
static int worse(int a, int b)
{
    return a == HTTP_BAD || b > 0 ? a : (a > 0 || b == HTTP_BAD ? b : a);
}

static int fields_read(const char *p, const char *end, struct http_head *h)
{
    int rc = 1;

    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        struct http_header *f = &h->headers[h->nheaders];

        if (h->nheaders == HTTP_HEADERS_MAX)
            return HTTP_FIELDS_LARGE;
        if (field_read(p, lf - 1, f) < 0)
            return HTTP_BAD;
        h->nheaders++;
        rc = worse(rc, field_known(h, f));
        if (rc == HTTP_BAD)
            return rc;
        p = lf + 1;
    }
    if ((h->chunked && h->has_length) || (h->minor == 1 && h->host.p == NULL))
        return HTTP_BAD;
    return rc;
}

static void head_reset(struct http_head *h)
{
    memset(h, 0, offsetof(struct http_head, headers));
}

int http_parse_head(const char *data, size_t len, size_t *seen, struct http_head *h)
{
    size_t size = 0;
    const char *lf;
    int rc;

    head_reset(h);
    rc = head_end(data, len, seen, &size);
    if (rc <= 0)
        return rc;
    lf = memchr(data, '\n', size);
    rc = line_read(data, lf - 1, h);
    if (rc < 0)
        return rc;
    h->keep_alive = h->minor == 1;
    h->size = size;
    return fields_read(lf + 1, data + size - 2, h);
}

struct str http_head_get(const struct http_head *h, const char *name)
{
    size_t len = strlen(name);

    for (unsigned i = 0; i < h->nheaders; i++)
        if (h->headers[i].name.n == len && strncasecmp(h->headers[i].name.p, name, len) == 0)
            return h->headers[i].value;
    return (struct str){.p = NULL, .n = 0};
}
