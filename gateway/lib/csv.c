/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See csv.h. A plain field is a view into the input; only a field with "" in it is copied.
 */
#include "gateway/lib/csv.h"

void csv_init(struct csv *c, struct str bytes, char sep)
{
    static const struct str mark = STR_INIT("\xEF\xBB\xBF");

    c->rest = str_starts(bytes, mark) ? str_skip(bytes, mark.n) : bytes;
    c->sep = sep;
    c->nfields = 0;
    c->line = c->next_line = 1;
    c->fault = NULL;
}

/* Behind the line end at rest[i], or 0 when there is none. */
static size_t line_end(struct str rest, size_t i)
{
    if (i < rest.n && rest.p[i] == '\n')
        return i + 1;
    return i + 1 < rest.n && rest.p[i] == '\r' && rest.p[i + 1] == '\n' ? i + 2 : 0;
}

/* Whether a field may end at rest[i]. */
static bool field_ends(const struct csv *c, size_t i)
{
    return i == c->rest.n || c->rest.p[i] == c->sep || line_end(c->rest, i) != 0;
}

static bool fail(struct csv *c, const char *why)
{
    c->fault = why;
    return false;
}

/* rest[from .. to - 1] with each "" as one quote. It fits: text has room for a whole record. */
static struct str unquoted(struct csv *c, size_t from, size_t to)
{
    char *out = c->text + c->used, *at = out;

    for (size_t i = from; i < to; i++) {
        *at++ = c->rest.p[i];
        i += c->rest.p[i] == '"';
    }
    c->used += (size_t)(at - out);
    return str_n(out, (size_t)(at - out));
}

/* A field in quotes, *i at the first. */
static bool quoted_field(struct csv *c, size_t *i, struct str *out)
{
    size_t from = ++*i;
    bool twice = false;

    for (;; (*i)++) {
        if (*i == c->rest.n)
            return fail(c, "a quote is never closed");
        if (*i >= CSV_RECORD_MAX)
            return fail(c, "a record is too long, or a quote is never closed");
        if (c->rest.p[*i] == '\0')
            return fail(c, "a NUL");
        if (c->rest.p[*i] != '"')
            continue;
        if (*i + 1 == c->rest.n || c->rest.p[*i + 1] != '"')
            break;
        twice = true;
        (*i)++;
    }
    *out = twice ? unquoted(c, from, *i) : str_n(c->rest.p + from, *i - from);
    (*i)++;
    return field_ends(c, *i) || fail(c, "text behind a closing quote");
}

static bool plain_field(struct csv *c, size_t *i, struct str *out)
{
    size_t from = *i;

    for (; !field_ends(c, *i); (*i)++) {
        if (*i >= CSV_RECORD_MAX)
            return fail(c, "a record is too long");
        if (c->rest.p[*i] == '"')
            return fail(c, "a quote inside a field");
        if (c->rest.p[*i] == '\r' || c->rest.p[*i] == '\0')
            return fail(c, "a bare CR or a NUL");
    }
    *out = str_n(c->rest.p + from, *i - from);
    return true;
}

/* Goes on behind n bytes. */
static void skip(struct csv *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        c->next_line += c->rest.p[i] == '\n';
    c->rest = str_skip(c->rest, n);
}

static bool read_record(struct csv *c)
{
    size_t i = 0, end;

    for (;; i++) {
        if (c->nfields == CSV_FIELDS_MAX)
            return fail(c, "too many fields");
        bool quoted = i < c->rest.n && c->rest.p[i] == '"';
        struct str *f = &c->field[c->nfields];

        if (!(quoted ? quoted_field(c, &i, f) : plain_field(c, &i, f)))
            return false;
        c->nfields++;
        if (i == c->rest.n || (end = line_end(c->rest, i)) != 0)
            break;
    }
    skip(c, i == c->rest.n ? i : end);
    return true;
}

enum csv_result csv_next(struct csv *c)
{
    size_t empty;

    while ((empty = line_end(c->rest, 0)) != 0)
        skip(c, empty);
    if (c->rest.n == 0)
        return CSV_END;
    c->line = c->next_line;
    c->nfields = 0;
    c->used = 0;
    c->fault = NULL;
    if (read_record(c))
        return CSV_RECORD;
    ptrdiff_t lf = str_find_char(c->rest, '\n');

    skip(c, lf < 0 ? c->rest.n : (size_t)lf + 1);
    return CSV_FAULT;
}
