/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folding text into the GSM alphabet, one character at a time with one mark of look-ahead.
 *
 * A character goes through: layout (line ends, spaces, controls) - allowed as it is - the fold
 * table, whose text goes through the same again under the flags (at most twice: the table leads
 * into the alphabet, its own rows into ASCII) - '?'.
 */
#include "gateway/lib/gsm.h"
#include "gateway/lib/gsm_tables.h"

struct folder {
    struct buf *out;
    unsigned flags;
    size_t unknown;
};

static bool allowed(uint32_t cp, unsigned flags)
{
    int code = gsm_from_unicode(cp);

    if (code < 0 || ((flags & GSM_FOLD_ASCII) && cp >= 0x80))
        return false;
    return code <= 0x7F || !(flags & GSM_FOLD_BASIC);
}

static const struct gsm_fold_row *row_of(uint32_t cp)
{
    size_t low = 0, high = gsm_folds_n;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (gsm_folds[mid].cp == cp)
            return &gsm_folds[mid];
        if (gsm_folds[mid].cp < cp)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* Not a sign: a letter or a mark, by its block. */
static bool is_letter(uint32_t cp)
{
    if (cp < 0xC0)
        return cp == 0xAA || cp == 0xB5 || cp == 0xBA;
    return cp != 0xD7 && cp != 0xF7 && !(cp >= 0x2000 && cp < 0x2C00) &&
           !(cp >= 0x3000 && cp < 0x3040);
}

/* Line separators to \n, spaces to a space, controls and invisible format characters to nothing. */
static bool put_layout(struct buf *out, uint32_t cp)
{
    switch (cp) {
    case '\n':
    case '\r': buf_addc(out, (char)cp); return true;
    case '\v':
    case '\f':
    case 0x85:
    case 0x2028:
    case 0x2029: buf_addc(out, '\n'); return true;
    case '\t':
    case 0xA0:
    case 0x1680:
    case 0x202F:
    case 0x205F:
    case 0x3000: buf_addc(out, ' '); return true;
    case 0xAD:
    case 0x61C:
    case 0x180E:
    case 0xFEFF: return true;
    default: break;
    }
    if (cp >= 0x2000 && cp <= 0x200A) {
        buf_addc(out, ' ');
        return true;
    }
    return cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || (cp >= 0x200B && cp <= 0x200F) ||
           (cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2060 && cp <= 0x206F) ||
           (cp >= 0xE0000 && cp <= 0xE01EF) || utf8_is_combining(cp);
}

static void put(struct folder *f, uint32_t cp)
{
    const struct gsm_fold_row *row;

    if (cp >= 0xFF01 && cp <= 0xFF5E) /* full-width forms of ASCII */
        cp -= 0xFEE0;
    if ((f->flags & GSM_FOLD_SIGNS) && is_letter(cp)) {
        utf8_put(f->out, cp);
        return;
    }
    if (put_layout(f->out, cp))
        return;
    if (cp == 0xE7 && (f->flags & GSM_FOLD_CEDILLA) && !(f->flags & GSM_FOLD_ASCII))
        cp = 0xC7;
    if (allowed(cp, f->flags)) {
        utf8_put(f->out, cp);
    } else if ((row = row_of(cp))) {
        for (struct str to = str_c(row->to); to.n;)
            put(f, (uint32_t)utf8_next(&to));
    } else if (f->flags & GSM_FOLD_SIGNS) {
        utf8_put(f->out, cp);
    } else {
        f->unknown++;
        buf_addc(f->out, '?');
    }
}

/* If a combining mark follows that makes a letter of the alphabet out of base, take it off *s. */
static uint32_t compose(uint32_t base, struct str *s)
{
    struct str rest = *s;
    int32_t mark;

    if (base >= 0x80 || rest.n == 0 || (unsigned char)rest.p[0] < 0x80)
        return base;
    mark = utf8_next(&rest);
    for (size_t i = 0; i < gsm_composed_n; i++) {
        if (gsm_composed[i].base == (char)base && gsm_composed[i].mark == mark) {
            *s = rest;
            return gsm_composed[i].cp;
        }
    }
    return base;
}

/*
 * Bytes at the front of s that stand for themselves: basic ASCII not followed by a possible mark.
 */
static size_t plain_run(struct str s)
{
    size_t n = 0;

    while (n < s.n) {
        unsigned char c = (unsigned char)s.p[n];

        if (c < 0x20 || c >= 0x7F || gsm_of_ascii[c] < 0 || gsm_of_ascii[c] > 0x7F)
            break;
        if (n + 1 < s.n && (unsigned char)s.p[n + 1] >= 0x80)
            break;
        n++;
    }
    return n;
}

size_t gsm_fold(struct str s, struct buf *out, unsigned flags)
{
    struct folder f = {.out = out, .flags = flags};

    while (s.n) {
        size_t run = plain_run(s);
        int32_t cp;

        buf_add(out, s.p, run);
        s = str_skip(s, run);
        if (s.n == 0)
            break;
        cp = utf8_next(&s);
        if (cp == UTF8_BAD) {
            f.unknown++;
            buf_addc(out, '?');
        } else {
            put(&f, compose((uint32_t)cp, &s));
        }
    }
    return f.unknown;
}
