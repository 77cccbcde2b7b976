/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See document.h.
 */
#include "gateway/papers/document.h"

#include <stdio.h>

#define STYLE                                                                                      \
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"                  \
    "table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #999;padding:.3em "        \
    ".6em;text-align:left;vertical-align:top}pre{background:#f3f3f3;padding:.8em;"                 \
    "white-space:pre-wrap;word-break:break-all}"

/* Text with `code` in it; in a Markdown cell a bar would end the cell. */
static void inline_text(struct document *d, struct str s, bool cell)
{
    struct str piece;
    bool code = false;

    for (bool first = true; str_split(&s, '`', &piece); first = false) {
        if (!first) {
            code = !code;
            buf_puts(&d->out, !d->html ? "`" : code ? "<code>" : "</code>");
        }
        if (d->html) {
            buf_xml_text(&d->out, piece);
            continue;
        }
        for (size_t i = 0; i < piece.n; i++) {
            if (cell && piece.p[i] == '|')
                buf_addc(&d->out, '\\');
            buf_addc(&d->out, cell && piece.p[i] == '\n' ? ' ' : piece.p[i]);
        }
    }
    if (code && d->html)
        buf_puts(&d->out, "</code>");
}

void document_open(struct document *d, bool html, const char *title)
{
    *d = (struct document){.html = html};
    buf_init(&d->out, DOCUMENT_MAX);
    if (html) {
        buf_puts(&d->out,
                 "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
        buf_xml_text(&d->out, str_c(title));
        buf_puts(&d->out, "</title><style>" STYLE "</style></head><body>\n<h1>");
        inline_text(d, str_c(title), false);
        buf_puts(&d->out, "</h1>\n");
        return;
    }
    buf_addf(&d->out, "# %s\n", title);
}

void document_section(struct document *d, const char *title)
{
    buf_puts(&d->out, d->html ? "<h2>" : "\n## ");
    inline_text(d, str_c(title), false);
    buf_puts(&d->out, d->html ? "</h2>\n" : "\n");
}

void document_text(struct document *d, const char *fmt, ...)
{
    struct buf b;
    va_list ap;

    buf_init(&b, 64 * 1024);
    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    buf_puts(&d->out, d->html ? "<p>" : "\n");
    inline_text(d, buf_str(&b), false);
    buf_puts(&d->out, d->html ? "</p>\n" : "\n");
    buf_fini(&b);
}

static void row(struct document *d, const char *const *cells, const char *tag)
{
    buf_puts(&d->out, d->html ? "<tr>" : "|");
    for (; *cells; cells++) {
        if (d->html)
            buf_addf(&d->out, "<%s>", tag);
        else
            buf_addc(&d->out, ' ');
        inline_text(d, str_c(*cells), true);
        if (d->html)
            buf_addf(&d->out, "</%s>", tag);
        else
            buf_puts(&d->out, " |");
    }
    buf_puts(&d->out, d->html ? "</tr>\n" : "\n");
}

void document_table(struct document *d, const char *const *heads)
{
    buf_puts(&d->out, d->html ? "<table>\n" : "\n");
    row(d, heads, "th");
    if (d->html)
        return;
    buf_addc(&d->out, '|');
    for (; *heads; heads++)
        buf_puts(&d->out, "---|");
    buf_addc(&d->out, '\n');
}

void document_row(struct document *d, const char *const *cells)
{
    row(d, cells, "td");
}

void document_table_end(struct document *d)
{
    if (d->html)
        buf_puts(&d->out, "</table>\n");
}

void document_block(struct document *d, const char *kind, struct str bytes)
{
    if (d->html) {
        buf_puts(&d->out, "<pre>");
        buf_xml_text(&d->out, bytes);
        buf_puts(&d->out, "</pre>\n");
        return;
    }
    buf_addf(&d->out, "\n```%s\n", kind);
    buf_adds(&d->out, bytes);
    buf_puts(&d->out, "\n```\n");
}

void document_close(struct document *d)
{
    if (d->html)
        buf_puts(&d->out, "</body></html>\n");
}
