/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See draw.h.
 */
#include "gateway/phone/draw.h"

#include <stdio.h>

#include "gateway/lib/utf8.h"

#define WIDTH     30 /* characters of a screen line */
#define SMS_WIDTH 40

/* A character a handset can show. */
static bool shown(int32_t cp)
{
    return cp >= 0x20 && (cp < 0x7F || cp >= 0xA0) && cp != 0x2028 && cp != 0x2029;
}

static void put_text(struct buf *out, struct str s)
{
    while (s.n > 0) {
        int32_t cp = utf8_next(&s);

        if (cp == '\n')
            buf_addc(out, '\n');
        else if (shown(cp))
            utf8_put(out, (uint32_t)cp);
        else
            buf_addc(out, '?');
    }
}

static void put_times(struct buf *out, const char *what, size_t n)
{
    while (n-- > 0)
        buf_puts(out, what);
}

/* Takes one line of at most width characters off *rest: at \n, else at the last space, else hard. */
static struct str take_line(struct str *rest, size_t width)
{
    struct str walk = *rest;
    const char *space = NULL;

    for (size_t n = 0; walk.n > 0; n++) {
        const char *at = walk.p;
        int32_t cp = utf8_next(&walk);
        const char *cut = cp == '\n' ? at : n == width ? (space && cp != ' ' ? space : at) : NULL;

        if (cut) {
            struct str line = str_n(rest->p, (size_t)(cut - rest->p));

            *rest = str_skip(*rest, line.n + (*cut == '\n' || *cut == ' '));
            return line;
        }
        if (cp == ' ')
            space = at;
    }
    struct str line = *rest;

    *rest = STR_EMPTY;
    return line;
}

static void put_lines(struct buf *out, struct str text, size_t width, const char *left,
                      const char *right)
{
    do {
        struct str line = take_line(&text, width);
        size_t used = utf8_count(line);

        buf_puts(out, left);
        put_text(out, line);
        put_times(out, " ", width - used);
        buf_puts(out, right);
    } while (text.n > 0);
}

static void put_status(struct buf *out, struct str left, struct str right)
{
    size_t used = utf8_count(left) + utf8_count(right);

    buf_puts(out, "│ ");
    buf_adds(out, left);
    put_times(out, " ", used < WIDTH + 4 ? WIDTH + 4 - used : 1);
    buf_adds(out, right);
    buf_puts(out, " │\n");
}

static void put_rule(struct buf *out, const char *left, size_t n, const char *right)
{
    buf_puts(out, left);
    put_times(out, "─", n);
    buf_puts(out, right);
}

void phone_draw_handset(struct buf *out, const struct phone_view *v)
{
    char left[64], right[32] = "";

    snprintf(left, sizeof left, "▂▄▆ %s", v->title);
    if (v->sms > 0)
        snprintf(right, sizeof right, "✉ %zu", v->sms);
    put_rule(out, "╭", WIDTH + 6, "╮\n");
    put_status(out, str_c(left), str_c(right));
    put_rule(out, "│ ┌", WIDTH + 2, "┐ │\n");
    put_lines(out, v->screen, WIDTH, "│ │ ", " │ │\n");
    put_rule(out, "│ └", WIDTH + 2, "┘ │\n");
    put_status(out, str_c(v->count), str_c(v->state));
    put_rule(out, "╰", WIDTH + 6, "╯\n");
}

void phone_draw_plain(struct buf *out, const struct phone_view *v)
{
    put_text(out, v->screen);
    buf_addf(out, "\n[%s, %s]\n", v->count, v->state);
}

void phone_draw_sms(struct buf *out, struct str from, struct str text, int64_t parts, bool framed)
{
    const char *plural = parts == 1 ? "" : "s";

    buf_puts(out, framed ? "✉ " : "[SMS from ");
    put_text(out, from);
    if (!framed) {
        buf_addf(out, ", %lld part%s]\n", (long long)parts, plural);
        put_text(out, text);
        buf_addc(out, '\n');
        return;
    }
    buf_addf(out, "  (%lld part%s)\n", (long long)parts, plural);
    put_lines(out, text, SMS_WIDTH, "  ┃ ", "\n");
}
