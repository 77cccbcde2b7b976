/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See import.h.
 */
#include "gateway/books/import.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/books/book.h"
#include "gateway/books/child.h"
#include "gateway/books/measure.h"
#include "gateway/lib/basenc.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/jsonw.h"

#define SLUG_MAX     BOOK_SLUG_MAX
#define SQL_JSON_MAX (4u * BOOK_TEXT_MAX)

static struct str text_of(json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);

    return str_n(json_string_value(v), json_string_length(v));
}

static void copy_names(struct jsonw *j, const char *key, json_t *list)
{
    size_t i;
    json_t *v;

    jsonw_key(j, key);
    jsonw_array(j);
    json_array_foreach(list, i, v)
        jsonw_str(j, str_n(json_string_value(v), json_string_length(v)));
    jsonw_end(j);
}

/* A name without one Latin letter or digit: still the same slug each time, and its own. */
static struct str slug_of_bytes(const char *name, char mem[SLUG_MAX])
{
    uint8_t sum[CRYPTO_SHA256_LEN];
    struct buf out;

    crypto_sha256(str_c(name), sum);
    buf_init_fixed(&out, mem, SLUG_MAX);
    buf_puts(&out, "book-");
    hex_encode(&out, sum, 6);
    return buf_str(&out);
}

/*
 * The file's own name: stable, so that a second import replaces, and different for two translations
 * under one title. What is no letter or digit becomes a hyphen.
 */
static struct str slug_of(json_t *book, const char *path, char mem[SLUG_MAX])
{
    struct str slug = text_of(book, "slug");
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t n = 0;

    if (slug.n > 0)
        return slug;
    for (const char *p = name; p < dot && n < SLUG_MAX - 1; p++) {
        char c = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

        if (plain || (n > 0 && mem[n - 1] != '-'))
            mem[n++] = plain ? c : '-';
    }
    while (n > 0 && mem[n - 1] == '-')
        n--;
    return n > 0 ? str_n(mem, n) : slug_of_bytes(name, mem);
}

static void book_json(json_t *book, const char *path, struct buf *out)
{
    char mem[SLUG_MAX];
    struct str slug = slug_of(book, path, mem);
    json_int_t code = json_integer_value(json_object_get(book, "code"));
    struct jsonw j;

    jsonw_init(&j, out);
    jsonw_object(&j);
    if (slug.n > 0)
        jsonw_kv_str(&j, "slug", slug);
    if (code > 0)
        jsonw_kv_i64(&j, "code", code);
    jsonw_kv_str(&j, "title", text_of(book, "title"));
    jsonw_kv_str(&j, "language", text_of(book, "language"));
    jsonw_kv_str(&j, "summary", text_of(book, "summary"));
    copy_names(&j, "authors", json_object_get(book, "authors"));
    copy_names(&j, "categories", json_object_get(book, "categories"));
    jsonw_end(&j);
}

/* One count of every cut: the uint32_t that stands `at` bytes into it. */
static void cuts_json(struct jsonw *j, const char *key, const struct cut *cuts, size_t n, size_t at)
{
    jsonw_key(j, key);
    jsonw_array(j);
    for (size_t i = 0; i < n; i++)
        jsonw_i64(j, *(const uint32_t *)((const char *)&cuts[i] + at));
    jsonw_end(j);
}

static void part_json(struct jsonw *j, json_t *part)
{
    struct str body = text_of(part, "body");
    size_t n;
    struct cut *cuts = measure_cuts(body, &n);

    jsonw_object(j);
    jsonw_kv_str(j, "title", text_of(part, "title"));
    jsonw_kv_str(j, "body", body);
    cuts_json(j, "ends", cuts, n, offsetof(struct cut, chars));
    cuts_json(j, "septets", cuts, n, offsetof(struct cut, septets));
    cuts_json(j, "units", cuts, n, offsetof(struct cut, units));
    cuts_json(j, "folds", cuts, n, offsetof(struct cut, folds));
    jsonw_kv_i64(j, "title_folds", measure_folds(text_of(part, "title")));
    jsonw_end(j);
    free(cuts);
}

static void parts_json(json_t *book, struct buf *out)
{
    struct jsonw j;
    size_t i;
    json_t *part;

    jsonw_init(&j, out);
    jsonw_array(&j);
    json_array_foreach(json_object_get(book, "parts"), i, part)
        part_json(&j, part);
    jsonw_end(&j);
}

static int store(PGconn *db, struct buf *book, struct buf *parts, struct import_result *r,
                 struct err *e)
{
    const char *v[] = {buf_cstr(book), buf_cstr(parts)};
    PGresult *res;
    int rc = -1;

    if (buf_check(book, e) != 0 || buf_check(parts, e) != 0)
        return -1;
    res = PQexecParams(db, "select outcome from catalog.import_book($1::jsonb, $2::jsonb)", 2, NULL,
                       v, NULL, NULL, 0);
    if (PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1) {
        snprintf(r->outcome, sizeof r->outcome, "%s", PQgetvalue(res, 0, 0));
        rc = 0;
    } else {
        err_set(e, ERR_DB, "not stored: %s", PQresultErrorMessage(res));
    }
    PQclear(res);
    return rc;
}

static int format_of(const char *path, enum book_format *format, struct err *e)
{
    struct str p = str_c(path);

    if (str_ends(p, STR(".epub")))
        *format = BOOK_EPUB;
    else if (str_ends(p, STR(".txt")))
        *format = BOOK_TEXT;
    else
        return err_set(e, ERR_BAD_INPUT, "the name must end in .epub or .txt");
    return 0;
}

int import_file(PGconn *db, const char *path, struct import_result *r, struct err *e)
{
    enum book_format format;
    struct buf book_out, parts_out;
    json_t *book;
    int rc;

    if (format_of(path, &format, e) != 0)
        return -1;
    book = child_read_book(path, format, e);
    if (!book)
        return -1;
    buf_init(&book_out, 1 << 20);
    buf_init(&parts_out, SQL_JSON_MAX);
    book_json(book, path, &book_out);
    parts_json(book, &parts_out);
    snprintf(r->title, sizeof r->title, "%s", json_string_value(json_object_get(book, "title")));
    r->parts = json_array_size(json_object_get(book, "parts"));
    rc = store(db, &book_out, &parts_out, r, e);
    buf_fini(&book_out);
    buf_fini(&parts_out);
    json_decref(book);
    return rc;
}
