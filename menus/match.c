/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of switches and conditions; see match.h. No allocation, no state.
 */
#include "menus/match.h"

/* The end of a range; an empty one is open. */
static bool range_end(struct str s, int64_t open, int64_t *out)
{
    *out = open;
    return !s.n || str_to_i64(s, INT64_MIN, INT64_MAX, out);
}

static bool is_range(struct str pattern, struct match *out)
{
    ptrdiff_t dots = str_find(pattern, STR(".."));

    return dots >= 0 && pattern.n > 2 &&
           range_end(str_head(pattern, (size_t)dots), INT64_MIN, &out->min) &&
           range_end(str_skip(pattern, (size_t)dots + 2), INT64_MAX, &out->max);
}

bool match_parse(struct str pattern, struct match *out)
{
    struct str rest = pattern, word;

    *out = (struct match){.nwords = 0};
    if (is_range(pattern, out))
        return out->min <= out->max;
    while (str_split(&rest, '|', &word)) {
        if (out->nwords == MATCH_WORDS_MAX)
            return false;
        out->words[out->nwords++] = word;
    }
    return true;
}

bool match_holds(const struct match *m, struct str value)
{
    int64_t number;

    if (m->nwords == 0)
        return value.n && str_to_i64(value, m->min, m->max, &number);
    for (size_t i = 0; i < m->nwords; i++)
        if (str_eq(m->words[i], value))
            return true;
    return false;
}

bool match_overlap(const struct match *a, const struct match *b)
{
    if (a->nwords == 0 && b->nwords == 0)
        return a->min <= b->max && b->min <= a->max;
    if (a->nwords == 0)
        return match_overlap(b, a);
    for (size_t i = 0; i < a->nwords; i++)
        if (match_holds(b, a->words[i]))
            return true;
    return false;
}
