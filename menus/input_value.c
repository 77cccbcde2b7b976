/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amounts and dates as people type them on a keypad; see input_value.h.
 *
 * An amount is read into groups of digits and the separators between them. A separator is a
 * thousands mark (three digits follow) or, as the last one, a decimal mark; where it could be
 * either, the amount is refused: guessing wrong is wrong by a thousand.
 */
#include "menus/input_value.h"

#define GROUPS_MAX   8
#define DIGITS_MAX   15
#define EXPONENT_MAX 3

struct groups {
    struct str digits[GROUPS_MAX];
    char seps[GROUPS_MAX]; /* seps[i] stands before digits[i] */
    size_t n;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits with one separator between each two groups, and nothing else. */
static bool split_groups(struct str s, const char *separators, struct groups *g)
{
    size_t i = 0;

    *g = (struct groups){.n = 0};
    while (i < s.n) {
        size_t from = i;

        if (g->n == GROUPS_MAX)
            return false;
        while (i < s.n && is_digit(s.p[i]))
            i++;
        if (i == from)
            return false;
        g->digits[g->n++] = str_n(s.p + from, i - from);
        if (i == s.n)
            break;
        if (g->n == GROUPS_MAX || !s.p[i] || !strchr(separators, s.p[i]) || i + 1 == s.n)
            return false;
        g->seps[g->n] = s.p[i++];
    }
    return g->n > 0;
}

/* ---- amounts --------------------------------------------------------------------------------- */

/* Is the last separator a decimal mark? */
static bool has_fraction(const struct groups *g, unsigned exponent)
{
    char last = g->seps[g->n - 1];

    if (g->n < 2 || !exponent || (last != '.' && last != ','))
        return false;
    if (g->n > 2 && g->seps[g->n - 2] == last)
        return false; /* 1.500.000 */
    return g->digits[g->n - 1].n <= exponent;
}

/* "1,500" of a currency with three decimals: a thousand and a half, or one and a half? */
static bool ambiguous(const struct groups *g, unsigned exponent)
{
    return exponent == 3 && g->n == 2 && (g->seps[1] == '.' || g->seps[1] == ',') &&
           g->digits[1].n == 3 && g->digits[0].n <= 3;
}

/* Groups 0..n-1 as thousands: one mark throughout, three digits in all but the first. */
static bool whole_part(const struct groups *g, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (g->digits[i].n != 3 || g->seps[i] != g->seps[1])
            return false;
    return n == 1 || (g->digits[0].n <= 3 && g->digits[0].p[0] != '0');
}

bool amount_read(struct str typed, unsigned exponent, int64_t *minor)
{
    char mem[DIGITS_MAX + EXPONENT_MAX];
    struct groups g;
    size_t n = 0, zeros = exponent, whole;

    if (exponent > EXPONENT_MAX || !split_groups(typed, " .,'", &g) || ambiguous(&g, exponent))
        return false;
    whole = has_fraction(&g, exponent) ? g.n - 1 : g.n;
    if (!whole_part(&g, whole))
        return false;
    for (size_t i = 0; i < g.n; i++) {
        if (n + g.digits[i].n > DIGITS_MAX)
            return false;
        memcpy(mem + n, g.digits[i].p, g.digits[i].n);
        n += g.digits[i].n;
    }
    if (whole < g.n)
        zeros -= g.digits[whole].n;
    while (zeros--)
        mem[n++] = '0';
    return str_to_i64(str_n(mem, n), 0, INT64_MAX, minor);
}

/* ---- dates ----------------------------------------------------------------------------------- */

static int64_t days_in(int64_t month, int64_t year)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

static bool join_date(struct str day, struct str month, struct str year, int64_t *out)
{
    int64_t d, m, y;

    if (year.n != 4 || day.n > 2 || month.n > 2 || !str_to_i64(year, 1000, 9999, &y) ||
        !str_to_i64(month, 1, 12, &m) || !str_to_i64(day, 1, days_in(m, y), &d))
        return false;
    *out = y * 10000 + m * 100 + d;
    return true;
}

bool date_read(struct str typed, int64_t *yyyymmdd)
{
    struct groups g;

    if (!split_groups(typed, "/-. ", &g))
        return false;
    if (g.n == 1 && typed.n == 8)
        return join_date(str_head(typed, 2), str_head(str_skip(typed, 2), 2), str_skip(typed, 4),
                         yyyymmdd);
    return g.n == 3 && g.seps[1] == g.seps[2] &&
           join_date(g.digits[0], g.digits[1], g.digits[2], yyyymmdd);
}

bool date_iso(struct str iso, int64_t *yyyymmdd)
{
    struct groups g;

    return iso.n == DATE_LEN && split_groups(iso, "-", &g) && g.n == 3 &&
           join_date(g.digits[2], g.digits[1], g.digits[0], yyyymmdd);
}
