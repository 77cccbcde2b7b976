/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rail's statement to lines: head, then each record by the format. See statement.h.
 */
#include "gateway/money/statement.h"

#include <stdlib.h>

#include "gateway/lib/jsonw.h"
#include "gateway/money/amount.h"

struct reader {
    const struct statement_format *f;
    const char *file;
    struct csv csv;
    int at[STATEMENT_COLUMNS]; /* place of each column in a record; -1: the rail has none */
    struct fault_list *faults;
    struct jsonw j;
    size_t lines;
};

/* What a record says, checked. */
struct line {
    struct str id, reference, currency;
    enum statement_meaning kind;
    int64_t gross, fee, withheld;
    char at[32];
};

#define FAULT(r, ...) fault_add((r)->faults, (r)->file, (int)(r)->csv.line, __VA_ARGS__)

static const char *const kind_names[] = {[MEANS_PAYMENT] = "payment",
                                         [MEANS_REFUND] = "refund",
                                         [MEANS_FEE] = "fee",
                                         [MEANS_OTHER] = "other"};

/* ---- the head ---- */

/* Whether this record names every column; then where each stands. */
static bool is_head(struct reader *r)
{
    for (int col = 0; col < STATEMENT_COLUMNS; col++) {
        size_t i = 0;

        r->at[col] = -1;
        if (!*r->f->column[col])
            continue;
        while (i < r->csv.nfields &&
               !str_case_eq(str_trim(r->csv.field[i]), str_c(r->f->column[col])))
            i++;
        if (i == r->csv.nfields)
            return false;
        r->at[col] = (int)i;
    }
    return true;
}

static bool head_by(struct reader *r, struct str bytes, char sep)
{
    enum csv_result rc;

    csv_init(&r->csv, bytes, sep);
    for (int n = 0; n < HEAD_LINES_MAX && (rc = csv_next(&r->csv)) != CSV_END; n++) {
        if (rc == CSV_RECORD && is_head(r))
            return true;
    }
    return false;
}

static int find_head(struct reader *r, struct str bytes)
{
    for (const char *sep = ",;\t"; *sep; sep++) {
        if ((!r->f->separator || r->f->separator == *sep) && head_by(r, bytes, *sep))
            return 0;
    }
    return fault_add(r->faults, r->file, 0,
                     "no line of the first %d names all columns of %s: is it that rail's file?",
                     HEAD_LINES_MAX, r->f->name);
}

/* ---- one record ---- */

/* Without outer blanks; "" where the rail has no such column. */
static struct str field(const struct reader *r, enum statement_column col)
{
    int i = r->at[col];

    return i < 0 ? STR_EMPTY : str_trim(r->csv.field[i]);
}

static bool is_word(struct str text, const char *word)
{
    size_t n = strlen(word);

    if (n > 0 && word[n - 1] == '*')
        return str_case_eq(str_head(text, n - 1), str_n(word, n - 1));
    return str_case_eq(text, str_n(word, n));
}

static int meaning(struct reader *r, enum statement_column col, const struct statement_words *words,
                   enum statement_meaning none, enum statement_meaning *out)
{
    struct str text = field(r, col);

    *out = none;
    if (r->at[col] < 0)
        return 0;
    for (size_t i = 0; i < words->n; i++) {
        if (is_word(text, words->word[i].text)) {
            *out = words->word[i].means;
            return 0;
        }
    }
    return FAULT(r, "\"%.40s\": no word of %s has \"%" STR_FMT "\"", r->f->column[col], r->f->name,
                 STR_ARG(str_head(text, 40)));
}

/* The grouping mark at the front of s, or 0 bytes. A no-break space is a blank. */
static size_t group_mark(char grouping, struct str s)
{
    if (!grouping)
        return 0;
    if (s.n && s.p[0] == grouping)
        return 1;
    if (grouping == ' ' && str_starts(s, STR("\xC2\xA0")))
        return 2;
    return grouping == ' ' && str_starts(s, STR("\xE2\x80\xAF")) ? 3 : 0;
}

/* Digits with marks between thousands, and a decimal part, as amount_parse wants them. */
static bool plain_number(const struct statement_format *f, struct str s, char out[32])
{
    size_t n = 0, run = 0;
    bool grouped = false;

    while (s.n && s.p[0] != f->decimal) {
        size_t mark = group_mark(f->grouping, s);

        if (n == 30 || (mark && (run == 0 || run > 3 || (grouped && run != 3))))
            return false;
        if (!mark)
            out[n++] = s.p[0];
        run = mark ? 0 : run + 1;
        grouped |= mark > 0;
        s = str_skip(s, mark ? mark : 1);
    }
    if (n == 0 || (grouped && run != 3) || n + s.n > 31)
        return false;
    for (size_t i = 0; i < s.n; i++)
        out[n++] = i == 0 ? '.' : s.p[i];
    out[n] = '\0';
    return true;
}

/* An amount with its sign, in minor units. */
static int amount(struct reader *r, enum statement_column col, struct str currency, int64_t *out)
{
    struct str text = field(r, col);
    bool minus = text.n && text.p[0] == '-', plus = text.n && text.p[0] == '+';
    char digits[32];

    *out = 0;
    if (text.n == 0)
        return 0;
    if (!plain_number(r->f, str_trim(str_skip(text, minus || plus)), digits) ||
        !amount_parse(str_c(digits), amount_exponent(currency), out))
        return FAULT(r, "\"%.40s\": \"%" STR_FMT "\" is no whole amount of %" STR_FMT,
                     r->f->column[col], STR_ARG(str_head(text, 32)), STR_ARG(currency));
    if (minus)
        *out = -*out;
    return 0;
}

/* What moved, with its sign, from one column or two. */
static int moved(struct reader *r, struct str currency, int64_t *out)
{
    int64_t in, gone;

    if (r->at[COLUMN_AMOUNT] >= 0)
        return amount(r, COLUMN_AMOUNT, currency, out);
    if (amount(r, COLUMN_IN, currency, &in) != 0 || amount(r, COLUMN_OUT, currency, &gone) != 0)
        return -1;
    if ((in != 0) == (gone != 0) || in < 0)
        return FAULT(r, "one of \"%.40s\" and \"%.40s\" has an amount", r->f->column[COLUMN_IN],
                     r->f->column[COLUMN_OUT]);
    *out = in ? in : gone > 0 ? -gone : gone;
    return 0;
}

/* Gross, fee and withholding from what the columns say, by the kind. */
static int weigh(struct reader *r, int64_t signed_amount, struct line *l)
{
    bool leaves = l->kind == MEANS_REFUND || l->kind == MEANS_FEE;
    int64_t size = signed_amount < 0 ? -signed_amount : signed_amount;

    if (l->kind == MEANS_OTHER) {
        l->gross = signed_amount;
        return 0;
    }
    if (size == 0 || (signed_amount < 0) != (r->f->is_signed && leaves))
        return FAULT(r, "a %s of %lld", kind_names[l->kind], (long long)signed_amount);
    if (l->kind == MEANS_FEE) {
        l->fee += size;
        return 0;
    }
    l->gross = size;
    if (r->f->net && l->kind == MEANS_PAYMENT)
        l->gross += l->fee + l->withheld;
    if (l->kind == MEANS_PAYMENT && l->fee + l->withheld > l->gross)
        return FAULT(r, "a payment of %lld with %lld taken off", (long long)l->gross,
                     (long long)(l->fee + l->withheld));
    return 0;
}

static bool is_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    }
    return s.n >= 1 && s.n <= STATEMENT_ID_MAX;
}

static bool is_currency(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    }
    return s.n == 3;
}

static int read_money(struct reader *r, struct line *l)
{
    int64_t signed_amount;

    l->currency = r->at[COLUMN_CURRENCY] >= 0 ? field(r, COLUMN_CURRENCY) : str_c(r->f->currency);
    if (!is_currency(l->currency))
        return FAULT(r, "\"%" STR_FMT "\" is no currency", STR_ARG(str_head(l->currency, 16)));
    if (moved(r, l->currency, &signed_amount) != 0 ||
        amount(r, COLUMN_FEE, l->currency, &l->fee) != 0 ||
        amount(r, COLUMN_WITHHELD, l->currency, &l->withheld) != 0)
        return -1;
    l->fee = l->fee < 0 ? -l->fee : l->fee;
    l->withheld = l->withheld < 0 ? -l->withheld : l->withheld;
    return weigh(r, signed_amount, l);
}

static void write_line(struct reader *r, const struct line *l)
{
    jsonw_object(&r->j);
    jsonw_kv_i64(&r->j, "no", r->csv.line);
    jsonw_kv_str(&r->j, "id", l->id);
    jsonw_kv_str(&r->j, "ref", l->reference);
    jsonw_kv_cstr(&r->j, "kind", kind_names[l->kind]);
    jsonw_kv_i64(&r->j, "gross", l->gross);
    jsonw_kv_i64(&r->j, "fee", l->fee);
    jsonw_kv_i64(&r->j, "withheld", l->withheld);
    jsonw_kv_str(&r->j, "currency", l->currency);
    jsonw_kv_cstr(&r->j, "at", l->at);
    jsonw_end(&r->j);
    r->lines++;
}

/* What has no form of a reference is not handed on: it may be a number (S5). */
static struct str reference(const struct reader *r)
{
    struct str s = field(r, COLUMN_REFERENCE);

    return is_id(s) ? s : STR_EMPTY;
}

static int read_line(struct reader *r)
{
    struct line l = {.id = field(r, COLUMN_ID), .reference = reference(r)};
    enum statement_meaning status;

    if (meaning(r, COLUMN_STATUS, &r->f->statuses, MEANS_DONE, &status) != 0 ||
        meaning(r, COLUMN_KIND, &r->f->kinds, MEANS_PAYMENT, &l.kind) != 0)
        return -1;
    if (status == MEANS_SKIP || l.kind == MEANS_SKIP)
        return 0;
    if (!is_id(l.id))
        return FAULT(r, "\"%.40s\": no id of a transaction", r->f->column[COLUMN_ID]);
    if (!statement_time(r->f->time, field(r, COLUMN_AT), l.at))
        return FAULT(r, "\"%.40s\": \"%" STR_FMT "\" is not of the form %s",
                     r->f->column[COLUMN_AT], STR_ARG(str_head(field(r, COLUMN_AT), 40)),
                     r->f->time);
    if (read_money(r, &l) != 0)
        return -1;
    if (r->lines == STATEMENT_LINES_MAX)
        return FAULT(r, "more than %d lines", STATEMENT_LINES_MAX);
    write_line(r, &l);
    return 0;
}

/* ---- the file ---- */

static void read_lines(struct reader *r)
{
    size_t width = r->csv.nfields;
    enum csv_result rc;

    while ((rc = csv_next(&r->csv)) != CSV_END) {
        if (rc == CSV_FAULT)
            (void)FAULT(r, "%s", r->csv.fault);
        else if (r->csv.nfields != width)
            (void)FAULT(r, "%zu fields where the head has %zu", r->csv.nfields, width);
        else
            (void)read_line(r);
    }
}

int statement_read(const struct statement_format *f, const char *file, struct str bytes,
                   struct buf *out, size_t *lines, struct fault_list *faults)
{
    struct reader *r = calloc(1, sizeof *r);
    size_t before = faults->count;

    if (!r)
        abort();
    r->f = f;
    r->file = file;
    r->faults = faults;
    if (find_head(r, bytes) == 0) {
        jsonw_init(&r->j, out);
        jsonw_array(&r->j);
        read_lines(r);
        jsonw_end(&r->j);
    }
    *lines = r->lines;
    free(r);
    if (out->failed != ERR_OK)
        (void)fault_add(faults, file, 0, "more than can be taken at once");
    return faults->count == before ? 0 : -1;
}
