/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See statuses.h.
 */
#include <string.h>

#include "smpp/statuses.h"

static bool read_class(struct str word, enum smpp_class *out)
{
    for (enum smpp_class c = SMPP_CLASS_RETRY; c <= SMPP_CLASS_VENDOR; c++) {
        if (str_eq_c(word, smpp_class_name(c))) {
            *out = c;
            return true;
        }
    }
    return false;
}

/* 0x5A or 90; never 0. */
static bool read_status(struct str word, uint32_t *out)
{
    bool hex = str_starts(word, STR("0x")) || str_starts(word, STR("0X"));
    int64_t v;

    if (!hex) {
        if (!str_to_i64(word, 1, UINT32_MAX, &v))
            return false;
        *out = (uint32_t)v;
        return true;
    }
    word = str_skip(word, 2);
    if (word.n == 0 || word.n > 8)
        return false;
    *out = 0;
    for (size_t i = 0; i < word.n; i++) {
        const char *digits = "0123456789abcdef";
        const char *at =
            memchr(digits, word.p[i] >= 'A' && word.p[i] <= 'F' ? word.p[i] | 0x20 : word.p[i], 16);

        if (at == NULL)
            return false;
        *out = *out << 4 | (uint32_t)(at - digits);
    }
    return *out != 0;
}

static bool read_rule(struct str text, struct status_rule *out)
{
    struct str range, word, from, to;

    if (!str_cut(text, ' ', &range, &word) || !read_class(str_trim(word), &out->class))
        return false;
    if (!str_cut(range, '-', &from, &to))
        from = to = range;
    return read_status(from, &out->from) && read_status(to, &out->to) && out->from <= out->to;
}

int statuses_parse(struct str text, struct statuses *out, struct err *e)
{
    struct str piece;

    *out = (struct statuses){0};
    text = str_trim(text);
    if (text.n == 0)
        return 0;
    while (str_split(&text, ',', &piece)) {
        piece = str_trim(piece);
        if (out->n == STATUSES_MAX)
            return err_set(e, ERR_BAD_CONFIG, "more than %d statuses", STATUSES_MAX);
        if (!read_rule(piece, &out->rules[out->n++]))
            return err_set(
                e, ERR_BAD_CONFIG,
                "\"%.*s\" is not a status or range and its class, as in \"0x5A permanent\"",
                (int)MIN(piece.n, (size_t)40), piece.p);
    }
    return 0;
}

enum smpp_class statuses_class(const struct statuses *s, uint32_t status)
{
    for (unsigned i = 0; s != NULL && i < s->n; i++) {
        if (status >= s->rules[i].from && status <= s->rules[i].to)
            return s->rules[i].class;
    }
    return smpp_status_class(status);
}
