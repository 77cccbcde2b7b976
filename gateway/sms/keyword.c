/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text is folded to ASCII first: word and argument are read from the same bytes.
 */
#include "gateway/sms/keyword.h"

#include <string.h>

#include "gateway/lib/gsm.h"
#include "gateway/lib/utf8.h"

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The folded text holds blanks and line ends as they were typed. "STOP,merci" is STOP too. */
static bool is_blank(char c)
{
    return c != '\0' && strchr(" \n\r\t,;:!", c) != NULL;
}

/* Letters, or digits where the word begins with one; *used: bytes of s behind which the rest stands. */
static void take_word(struct str s, struct keyword *out, size_t *used)
{
    size_t i = 0, n = 0;
    bool digits;

    while (i < s.n && !is_letter(s.p[i]) && !is_digit(s.p[i]))
        i++;
    digits = i < s.n && is_digit(s.p[i]);
    for (; i < s.n && !is_blank(s.p[i]); i++) {
        char c = s.p[i];

        if (!digits && is_digit(c))
            break;
        if ((is_letter(c) || is_digit(c)) && n < KEYWORD_MAX)
            out->word[n++] = is_letter(c) ? (char)(c & ~0x20) : c;
    }
    out->word[n] = '\0';
    *used = i;
    while (i < s.n && is_blank(s.p[i]))
        i++;
    if (i < s.n && is_digit(s.p[i])) /* "LIRE: 12" */
        *used = i;
}

static void take_arg(struct str rest, struct keyword *out)
{
    rest = str_trim(rest);
    rest = str_head(rest, utf8_cut(rest, KEYWORD_ARG_MAX));
    if (!str_to_c(rest, out->arg, sizeof out->arg))
        out->arg[0] = '\0'; /* holds a NUL: nothing a phone can type */
}

/* Full-width letters, digits and signs of some keyboards (U+FF01..U+FF5E) as their ASCII. */
static struct str narrow(struct str text, struct buf *out)
{
    while (text.n > 0) {
        int32_t c = utf8_next(&text);

        if (c == UTF8_BAD)
            c = UTF8_REPLACEMENT;
        utf8_put(out, (uint32_t)(c >= 0xFF01 && c <= 0xFF5E ? c - 0xFEE0 : c == 0x3000 ? ' ' : c));
    }
    return buf_str(out);
}

void keyword_parse(struct str text, struct keyword *out)
{
    char folded[1024], narrowed[1024];
    struct buf b, plain;
    size_t used;

    *out = (struct keyword){.word = ""};
    text = str_head(text, utf8_cut(text, 256));
    buf_init_fixed(&b, folded, sizeof folded);
    buf_init_fixed(&plain, narrowed, sizeof narrowed);
    gsm_fold(narrow(text, &plain), &b, GSM_FOLD_ASCII);
    take_word(buf_str(&b), out, &used);
    take_arg(str_skip(buf_str(&b), used), out);
}
