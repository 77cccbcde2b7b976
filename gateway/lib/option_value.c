/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The eight types. Numbers with units share one reader: digits, then a unit of the type's table.
 */
#include "gateway/lib/option_value.h"

#include <inttypes.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* The first is what a bare number means. */
static const struct unit durations[] = {
    {"s", 1000}, {"ms", 1}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};
static const struct unit sizes[] = {
    {"", 1}, {"k", 1LL << 10}, {"M", 1LL << 20}, {"G", 1LL << 30}, {NULL, 0},
};

static const void *field(const struct option_row *row, const void *values)
{
    return (const char *)values + row->offset;
}

static void *field_of(const struct option_row *row, void *values)
{
    return (char *)values + row->offset;
}

static int set_bool(struct str text, bool *out, struct err *e)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_case_eq(text, str_c(yes[i])) || str_case_eq(text, str_c(no[i]))) {
            *out = str_case_eq(text, str_c(yes[i]));
            return 0;
        }
    }
    if (text.n == 0) {
        *out = false;
        return 0;
    }
    return err_set(e, ERR_BAD_CONFIG, "\"%" STR_FMT "\" is neither yes nor no",
                   STR_ARG(str_head(text, 40)));
}

static bool unit_factor(const struct unit *units, struct str name, int64_t *factor)
{
    if (name.n == 0) {
        *factor = units[0].factor;
        return true;
    }
    for (; units->name; units++) {
        if (str_eq_c(name, units->name)) {
            *factor = units->factor;
            return true;
        }
    }
    return false;
}

static size_t digits_of(struct str s)
{
    size_t n = s.n && s.p[0] == '-' ? 1 : 0;

    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

static bool read_number(const struct option_row *row, struct str text, int64_t *out)
{
    const struct unit *units = row->type == OPTION_DURATION_MS ? durations : sizes;
    size_t digits = digits_of(text);
    struct str unit = str_trim(str_skip(text, digits));
    int64_t factor = 1;

    if (!str_to_i64(str_head(text, digits), INT64_MIN, INT64_MAX, out))
        return false;
    if (row->type == OPTION_INT)
        return unit.n == 0;
    return unit_factor(units, unit, &factor) && !__builtin_mul_overflow(*out, factor, out);
}

static int set_number(const struct option_row *row, struct str text, int64_t *out, struct err *e)
{
    static const char *const wanted[] = {
        [OPTION_INT] = "a whole number",
        [OPTION_DURATION_MS] = "a duration like 250ms, 10s, 5m, 2h, 7d",
        [OPTION_SIZE] = "a size like 512, 64k, 1M, 2G",
    };
    int64_t min = row->min, max = row->max, v = 0;

    if (min == 0 && max == 0) {
        min = row->type == OPTION_INT ? INT64_MIN : 0;
        max = INT64_MAX;
    }
    if (text.n && !read_number(row, text, &v))
        return err_set(e, ERR_BAD_CONFIG, "\"%" STR_FMT "\" is not %s", STR_ARG(str_head(text, 40)),
                       wanted[row->type]);
    if ((text.n || row->def) && (v < min || v > max))
        return err_set(
            e, ERR_BAD_CONFIG, "\"%" STR_FMT "\" is out of range %" PRId64 " to %" PRId64 "%s",
            STR_ARG(str_head(text, 40)), min, max, row->type == OPTION_DURATION_MS ? " ms" : "");
    *out = v;
    return 0;
}

static int check_length(const struct option_row *row, size_t n, const char *what, struct err *e)
{
    if (row->max > 0 && n && ((int64_t)n < row->min || (int64_t)n > row->max))
        return err_set(e, ERR_BAD_CONFIG, "%zu %s, want %" PRId64 " to %" PRId64, n, what, row->min,
                       row->max);
    return 0;
}

static int set_string(const struct option_row *row, struct str text, struct arena *arena,
                      const char **out, struct err *e)
{
    const char *copy;

    if (check_length(row, text.n, "bytes", e) < 0)
        return -1;
    if (str_find_char(text, '\0') >= 0)
        return err_set(e, ERR_BAD_CONFIG, "zero byte");
    copy = arena_cstr(arena, text);
    if (!copy)
        return err_set(e, ERR_TOO_BIG, "configuration too large");
    *out = copy;
    return 0;
}

static int set_enum(const struct option_row *row, struct str text, int *out, struct err *e)
{
    char names[100];
    struct buf list;

    buf_init_fixed(&list, names, sizeof(names));
    for (int i = 0; row->words[i]; i++) {
        if (str_eq_c(text, row->words[i])) {
            *out = i;
            return 0;
        }
        buf_addf(&list, "%s%s", i ? ", " : "", row->words[i]);
    }
    return err_set(e, ERR_BAD_CONFIG, "\"%" STR_FMT "\" is none of %" STR_FMT,
                   STR_ARG(str_head(text, 40)), STR_ARG(buf_str(&list)));
}

static bool next_word(struct str *rest, struct str *word)
{
    size_t n = 0;

    while (rest->n && strchr(", \t", rest->p[0]))
        *rest = str_skip(*rest, 1);
    while (n < rest->n && !strchr(", \t", rest->p[n]))
        n++;
    *word = str_head(*rest, n);
    *rest = str_skip(*rest, n);
    return n > 0;
}

static int set_list(const struct option_row *row, struct str text, struct arena *arena,
                    struct option_list *out, struct err *e)
{
    struct str rest = text, word;
    const char **v;
    size_t n = 0;

    while (next_word(&rest, &word))
        n++;
    if (check_length(row, n, "items", e) < 0)
        return -1;
    v = arena_zalloc(arena, n + 1, sizeof(*v));
    for (size_t i = 0; v && i < n && next_word(&text, &word); i++) {
        v[i] = arena_cstr(arena, word);
        if (!v[i])
            v = NULL;
    }
    if (!v)
        return err_set(e, ERR_TOO_BIG, "configuration too large");
    *out = (struct option_list){.n = n, .v = v};
    return 0;
}

int option_value_set(const struct option_row *row, struct str text, struct arena *arena, void *out,
                     struct err *e)
{
    void *to = field_of(row, out);

    switch (row->type) {
    case OPTION_BOOL: return set_bool(text, to, e);
    case OPTION_INT:
    case OPTION_DURATION_MS:
    case OPTION_SIZE: return set_number(row, text, to, e);
    case OPTION_STRING:
    case OPTION_SECRET: return set_string(row, text, arena, to, e);
    case OPTION_ENUM: return set_enum(row, text, to, e);
    case OPTION_LIST: return set_list(row, text, arena, to, e);
    }
    return err_set(e, ERR_UNSUPPORTED, "option type %d", (int)row->type);
}

static const char *string_at(const struct option_row *row, const void *values)
{
    return *(const char *const *)field(row, values);
}

bool option_value_empty(const struct option_row *row, const void *values)
{
    switch (row->type) {
    case OPTION_STRING:
    case OPTION_SECRET: return string_at(row, values)[0] == '\0';
    case OPTION_LIST: return ((const struct option_list *)field(row, values))->n == 0;
    case OPTION_INT:
    case OPTION_DURATION_MS:
    case OPTION_SIZE: return *(const int64_t *)field(row, values) == 0;
    case OPTION_BOOL:
    case OPTION_ENUM: break;
    }
    return false;
}

/* In the largest unit that divides it. */
static void print_units(struct buf *out, const struct unit *units, int64_t v)
{
    const struct unit *best = NULL;

    for (; units->name; units++) {
        if (v && v % units->factor == 0 && (!best || units->factor > best->factor))
            best = units;
    }
    buf_add_i64(out, best ? v / best->factor : v);
    buf_puts(out, best ? best->name : "");
}

/* Quoted where the parser would otherwise trim or misread it. */
static void print_string(struct buf *out, const char *s)
{
    bool plain = str_trim(str_c(s)).n == strlen(s) && s[0] != '"';

    if (plain) {
        buf_puts(out, s);
        return;
    }
    buf_addc(out, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *s);
    }
    buf_addc(out, '"');
}

static void print_list(struct buf *out, const struct option_list *list)
{
    struct buf line;

    buf_init(&line, INI_LINE_MAX * 2);
    for (size_t i = 0; i < list->n; i++)
        buf_addf(&line, "%s%s", i ? ", " : "", list->v[i]);
    print_string(out, buf_cstr(&line));
    buf_fini(&line);
}

void option_value_print(const struct option_row *row, const void *values, struct buf *out)
{
    const void *at = field(row, values);

    switch (row->type) {
    case OPTION_BOOL: buf_puts(out, *(const bool *)at ? "yes" : "no"); break;
    case OPTION_INT: buf_add_i64(out, *(const int64_t *)at); break;
    case OPTION_DURATION_MS: print_units(out, durations, *(const int64_t *)at); break;
    case OPTION_SIZE: print_units(out, sizes, *(const int64_t *)at); break;
    case OPTION_STRING: print_string(out, string_at(row, values)); break;
    case OPTION_SECRET: buf_puts(out, string_at(row, values)[0] ? "********" : ""); break;
    case OPTION_ENUM: buf_puts(out, row->words[*(const int *)at]); break;
    case OPTION_LIST: print_list(out, at); break;
    }
}

static bool lists_differ(const struct option_list *a, const struct option_list *b)
{
    if (a->n != b->n)
        return true;
    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->v[i], b->v[i]) != 0)
            return true;
    }
    return false;
}

bool option_differs(const struct option_row *row, const void *a, const void *b)
{
    const void *x = field(row, a), *y = field(row, b);

    switch (row->type) {
    case OPTION_BOOL: return *(const bool *)x != *(const bool *)y;
    case OPTION_INT:
    case OPTION_DURATION_MS:
    case OPTION_SIZE: return *(const int64_t *)x != *(const int64_t *)y;
    case OPTION_STRING:
    case OPTION_SECRET: return strcmp(string_at(row, a), string_at(row, b)) != 0;
    case OPTION_ENUM: return *(const int *)x != *(const int *)y;
    case OPTION_LIST: return lists_differ(x, y);
    }
    return true;
}
