/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See time.h. Everything is checked against the calendar before it is used.
 */
#include "smpp/time.h"

#include <time.h>

#define LENGTH  16u
#define MINUTE  60
#define HOUR    3600
#define DAY     86400
#define QUARTER 900

enum { YEAR, MONTH, MDAY, HOURS, MINUTES, SECONDS, FIELDS };

/* Two digits each, then a tenth of a second and the distance. */
static bool fields_of(struct str text, int v[FIELDS], int *quarters)
{
    if (text.n != LENGTH)
        return false;
    for (size_t i = 0; i < LENGTH - 1; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    }
    for (size_t i = 0; i < FIELDS; i++)
        v[i] = (text.p[2 * i] - '0') * 10 + (text.p[2 * i + 1] - '0');
    *quarters = (text.p[13] - '0') * 10 + (text.p[14] - '0');
    return v[HOURS] < 24 && v[MINUTES] < 60 && v[SECONDS] < 60;
}

static int absolute(const int v[FIELDS], int64_t offset, int64_t now, int64_t *seconds)
{
    struct tm tm = {.tm_year = 100 + v[YEAR],
                    .tm_mon = v[MONTH] - 1,
                    .tm_mday = v[MDAY],
                    .tm_hour = v[HOURS],
                    .tm_min = v[MINUTES],
                    .tm_sec = v[SECONDS]};
    struct tm asked = tm;
    int64_t at = timegm(&tm);

    if (tm.tm_mon != asked.tm_mon || tm.tm_mday != asked.tm_mday)
        return -1; /* the 31st of April */
    *seconds = at - offset - now;
    return 0;
}

int smpp_time_parse(struct str text, int64_t now, int64_t *seconds)
{
    int v[FIELDS], quarters;

    if (!fields_of(text, v, &quarters))
        return -1;
    switch (text.p[LENGTH - 1]) {
    case 'R':
        *seconds = (v[YEAR] * 365 + v[MONTH] * 30 + v[MDAY]) * (int64_t)DAY + v[HOURS] * HOUR +
                   v[MINUTES] * MINUTE + v[SECONDS];
        return 0;
    case '+': return quarters > 48 ? -1 : absolute(v, quarters * QUARTER, now, seconds);
    case '-': return quarters > 48 ? -1 : absolute(v, -quarters * QUARTER, now, seconds);
    default: return -1;
    }
}
