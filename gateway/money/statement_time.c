/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times of statements by a pattern. See statement.h. No locale, no table of zones: the database
 * knows those.
 */
#include <stdio.h>

#include "gateway/money/statement.h"

struct when {
    unsigned year, month, day, hour, minute, second;
    bool afternoon, twelve; /* %p said PM; the hour was read by %I */
    char zone[8];
};

/* min to max digits off the front. */
static bool take_number(struct str *s, unsigned min, unsigned max, unsigned *out)
{
    unsigned n = 0, v = 0;

    for (; n < max && n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++)
        v = v * 10 + (unsigned)(s->p[n] - '0');
    *s = str_skip(*s, n);
    *out = v;
    return n >= min;
}

static bool take_month(struct str *s, unsigned *out)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (unsigned i = 0; i < 12; i++) {
        if (str_case_eq(str_head(*s, 3), str_n(names + (size_t)3 * i, 3))) {
            *out = i + 1;
            *s = str_skip(*s, 3);
            return true;
        }
    }
    return false;
}

static bool take_half(struct str *s, bool *afternoon)
{
    struct str two = str_head(*s, 2);

    *afternoon = str_case_eq(two, STR("PM"));
    *s = str_skip(*s, 2);
    return *afternoon || str_case_eq(two, STR("AM"));
}

/* A point and digits, or nothing; what is below a second is left out. */
static bool take_fraction(struct str *s)
{
    unsigned ignored;

    if (s->n == 0 || s->p[0] != '.')
        return true;
    *s = str_skip(*s, 1);
    return take_number(s, 1, 9, &ignored);
}

/* Z, +hh:mm, +hhmm, or nothing. */
static bool take_zone(struct str *s, char zone[8])
{
    unsigned hours, minutes;
    char sign;

    if (s->n == 0)
        return true;
    sign = s->p[0];
    *s = str_skip(*s, 1);
    if (sign == 'Z' || sign == 'z')
        return snprintf(zone, 8, "Z") == 1;
    if ((sign != '+' && sign != '-') || !take_number(s, 2, 2, &hours))
        return false;
    if (s->n && s->p[0] == ':')
        *s = str_skip(*s, 1);
    return take_number(s, 2, 2, &minutes) && hours <= 14 && minutes < 60 &&
           snprintf(zone, 8, "%c%02u:%02u", sign, hours, minutes) == 6;
}

static bool take(char what, struct str *s, struct when *w)
{
    switch (what) {
    case 'Y': return take_number(s, 4, 4, &w->year);
    case 'm': return take_number(s, 1, 2, &w->month);
    case 'b': return take_month(s, &w->month);
    case 'd': return take_number(s, 1, 2, &w->day);
    case 'H': return take_number(s, 1, 2, &w->hour);
    case 'I':
        w->twelve = true;
        return take_number(s, 1, 2, &w->hour) && w->hour >= 1 && w->hour <= 12;
    case 'M': return take_number(s, 2, 2, &w->minute);
    case 'S': return take_number(s, 2, 2, &w->second);
    case 'p': return take_half(s, &w->afternoon);
    case 'f': return take_fraction(s);
    case 'z': return take_zone(s, w->zone);
    default: return false;
    }
}

static bool is_time(const struct when *w)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (w->year % 4 == 0 && w->year % 100 != 0) || w->year % 400 == 0;

    return w->year >= 2000 && w->month >= 1 && w->month <= 12 && w->day >= 1 &&
           w->day <= days[w->month - 1] + (leap && w->month == 2) && w->hour < 24 &&
           w->minute < 60 && w->second < 60;
}

bool statement_time(const char *pattern, struct str text, char out[32])
{
    struct when w = {0};

    for (const char *p = pattern; *p; p++) {
        if (*p == '%') {
            if (!take(*++p, &text, &w))
                return false;
        } else if (text.n == 0 || text.p[0] != *p) {
            return false;
        } else {
            text = str_skip(text, 1);
        }
    }
    if (w.twelve)
        w.hour = w.hour % 12 + (w.afternoon ? 12 : 0);
    if (text.n || !is_time(&w))
        return false;
    return snprintf(out, 32, "%04u-%02u-%02uT%02u:%02u:%02u%s", w.year, w.month, w.day, w.hour,
                    w.minute, w.second, w.zone) < 32;
}
