/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain text format of a book. See book.h.
 */
#include "gateway/books/book.h"
#include "gateway/lib/utf8.h"

struct reader {
    struct book *b;
    struct err *e;
    int line;
};

static int add_name(struct reader *r, struct str *names, size_t *n, struct str value)
{
    if (*n == BOOK_NAMES_MAX)
        return err_set(r->e, ERR_TOO_BIG, "line %d: more than %d of them", r->line, BOOK_NAMES_MAX);
    names[(*n)++] = value;
    return 0;
}

static int slug(struct reader *r, struct str value)
{
    bool ok = value.n <= BOOK_SLUG_MAX && value.p[0] != '-';

    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];

        ok &= (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    }
    if (!ok)
        return err_set(r->e, ERR_BAD_INPUT, "line %d: a slug is small letters, digits and hyphens",
                       r->line);
    r->b->slug = value;
    return 0;
}

static int header(struct reader *r, struct str line)
{
    struct book *b = r->b;
    struct str key, raw;

    if (!str_cut(line, ':', &key, &raw))
        return err_set(r->e, ERR_BAD_INPUT, "line %d: \"Key: value\" or an empty line expected",
                       r->line);
    struct str value = book_line(b, raw, BOOK_SUMMARY_MAX);

    if (value.n == 0)
        return err_set(r->e, ERR_BAD_INPUT, "line %d: no value, or not UTF-8", r->line);
    if (str_eq(key, STR("Title")))
        b->title = book_line(b, value, BOOK_TITLE_MAX);
    else if (str_eq(key, STR("Language")))
        b->language = value;
    else if (str_eq(key, STR("Summary")))
        b->summary = value;
    else if (str_eq(key, STR("Slug")))
        return slug(r, value);
    else if (str_eq(key, STR("Author")))
        return add_name(r, b->authors, &b->nauthors, value);
    else if (str_eq(key, STR("Category")))
        return add_name(r, b->categories, &b->ncategories, value);
    else if (!str_eq(key, STR("Code")))
        return err_set(r->e, ERR_BAD_INPUT, "line %d: unknown key", r->line);
    else if (!str_to_i64(value, 1, 999999, &b->code))
        return err_set(r->e, ERR_BAD_INPUT, "line %d: a code is a number up to 999999", r->line);
    return 0;
}

static bool next_line(struct str *rest, struct str *line, int *no)
{
    if (!str_split(rest, '\n', line))
        return false;
    if (line->n > 0 && line->p[line->n - 1] == '\r')
        line->n--;
    (*no)++;
    return true;
}

static int read_parts(struct reader *r, struct str *rest)
{
    struct str line, title = STR_EMPTY;
    const char *start = rest->p;
    bool open = false;

    while (next_line(rest, &line, &r->line)) {
        if (!str_starts(line, STR("# "))) {
            if (!open && str_trim(line).n > 0)
                return err_set(r->e, ERR_BAD_INPUT, "line %d: text before the first \"# title\"",
                               r->line);
            continue;
        }
        if (open && book_add_part(r->b, title, str_n(start, (size_t)(line.p - start)), r->e) != 0)
            return -1;
        open = true;
        title = str_skip(line, 2);
        start = line.p + line.n;
    }
    if (!open)
        return err_set(r->e, ERR_BAD_INPUT, "no part: a line \"# title\" begins one");
    return book_add_part(r->b, title, str_n(start, (size_t)(line.p + line.n - start)), r->e);
}

int book_read_text(struct book *b, struct str file, struct err *e)
{
    struct reader r = {.b = b, .e = e};
    struct str rest = file, line;

    if (!utf8_valid(file))
        return err_set(e, ERR_BAD_INPUT, "not UTF-8");
    if (str_starts(rest, STR("\xEF\xBB\xBF")))
        rest = str_skip(rest, 3);
    while (next_line(&rest, &line, &r.line)) {
        if (str_trim(line).n == 0)
            break;
        if (header(&r, line) != 0)
            return -1;
    }
    if (!rest.p)
        return err_set(e, ERR_BAD_INPUT, "no part: a line \"# title\" begins one");
    if (read_parts(&r, &rest) != 0)
        return -1;
    return book_finish(b, e);
}
