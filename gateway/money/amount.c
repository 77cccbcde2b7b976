/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See amount.h.
 */
#include "gateway/money/amount.h"

#define AMOUNT_DIGITS 15

static const char *const whole[] = {"XOF", "XAF", "GNF", "UGX", "RWF", "BIF", "DJF", "KMF"};

unsigned amount_exponent(struct str currency)
{
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        if (str_eq_c(currency, whole[i]))
            return 0;
    }
    return 2;
}

static int64_t power10(unsigned n)
{
    int64_t p = 1;

    while (n-- > 0)
        p *= 10;
    return p;
}

void amount_format(int64_t minor, unsigned exponent, struct buf *out)
{
    int64_t unit = power10(exponent);

    buf_add_i64(out, minor / unit);
    if (exponent > 0)
        buf_addf(out, ".%0*lld", (int)exponent, (long long)(minor % unit));
}

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return true;
}

bool amount_parse(struct str text, unsigned exponent, int64_t *minor)
{
    struct str head, tail;
    int64_t units = 0, part = 0;
    bool pointed = str_cut(text, '.', &head, &tail);

    /* all_digits first: str_to_i64 takes "-0", and "-0.50" would read as a half */
    if (head.n > AMOUNT_DIGITS || !all_digits(head) || !all_digits(tail) ||
        !str_to_i64(head, 0, power10(AMOUNT_DIGITS), &units))
        return false;
    if (pointed && tail.n == 0)
        return false;
    for (size_t i = exponent; i < tail.n; i++) {
        if (tail.p[i] != '0')
            return false;
    }
    for (unsigned i = 0; i < exponent; i++)
        part = part * 10 + (i < tail.n ? tail.p[i] - '0' : 0);
    *minor = units * power10(exponent) + part;
    return true;
}
