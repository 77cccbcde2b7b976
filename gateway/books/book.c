/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a book: cleaning of text, ceilings. See book.h.
 */
#include "gateway/books/book.h"

#include <stdlib.h>
#include <uninorm.h>

#include "gateway/lib/utf8.h"

void book_init(struct book *b)
{
    *b = (struct book){
        .title = STR_EMPTY, .language = STR_EMPTY, .summary = STR_EMPTY, .slug = STR_EMPTY};
    arena_init(&b->arena, 1u << 20, 3 * BOOK_TEXT_MAX);
}

void book_fini(struct book *b)
{
    arena_fini(&b->arena);
    free(b->parts);
    b->parts = NULL;
}

/* NFC in the book's arena; what is no UTF-8 gives the empty string. */
static struct str nfc(struct book *b, struct str s)
{
    size_t n = 0;
    uint8_t *out;
    struct str kept;

    if (s.n == 0 || !utf8_valid(s))
        return STR_EMPTY;
    out = u8_normalize(UNINORM_NFC, (const uint8_t *)s.p, s.n, NULL, &n);
    kept = out ? arena_str(&b->arena, str_n(out, n)) : STR_EMPTY;
    free(out);
    return kept;
}

/* Drops bytes so that s ends between characters. */
static struct str cut(struct str s, size_t max)
{
    return str_head(s, utf8_cut(s, max));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

enum glyph { GLYPH_SPACE, GLYPH_NOTHING, GLYPH_TEXT };

/*
 * What a character beyond ASCII is on paper; *n its bytes. No-break and other wide spaces are
 * spaces; soft hyphens, zero-width spaces, marks of direction and controls are nothing: they stand
 * inside words, and a reader would search in vain for a word that holds one.
 */
static enum glyph glyph_of(struct str s, size_t *n)
{
    struct str rest = s;
    int32_t c = utf8_next(&rest); /* malformed: text, so that the whole is refused later */

    *n = s.n - rest.n;
    if (c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
        c == 0x202F || c == 0x205F || c == 0x3000)
        return GLYPH_SPACE;
    if ((c >= 0 && c < 0x20) || (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0x200B ||
        c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
        (c >= 0x2060 && c <= 0x2069) || c == 0xFEFF)
        return GLYPH_NOTHING;
    return GLYPH_TEXT;
}

/*
 * One pass over raw text: runs of white space become one space, runs with an empty line in them the
 * paragraph mark (or a space when marks is false), control characters vanish.
 */
static void fold_space(struct str raw, bool marks, struct buf *out)
{
    bool gap = false;
    unsigned newlines = 0;

    while (raw.n > 0) {
        size_t n = 1;
        enum glyph glyph = is_space(raw.p[0]) ? GLYPH_SPACE : glyph_of(raw, &n);

        if (glyph == GLYPH_SPACE) {
            gap = true;
            newlines += raw.p[0] == '\n';
        } else if (glyph == GLYPH_TEXT) {
            if (gap && out->len > 0)
                buf_puts(out, marks && newlines > 1 ? "\n\n" : " ");
            gap = false;
            newlines = 0;
            buf_adds(out, str_head(raw, n));
        }
        raw = str_skip(raw, n);
    }
}

struct str book_line(struct book *b, struct str raw, size_t max)
{
    struct buf out;
    struct str line;

    buf_init(&out, raw.n + 2);
    fold_space(raw, false, &out);
    line = cut(nfc(b, buf_str(&out)), max);
    buf_fini(&out);
    return str_trim(line);
}

static int push_part(struct book *b, struct str title, struct str body, struct err *e)
{
    if (b->nparts == BOOK_PARTS_MAX)
        return err_set(e, ERR_TOO_BIG, "more than %d parts", BOOK_PARTS_MAX);
    b->text += body.n;
    if (b->text > BOOK_TEXT_MAX)
        return err_set(e, ERR_TOO_BIG, "more than %u bytes of text", BOOK_TEXT_MAX);
    if (b->nparts == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 16;
        b->parts = realloc(b->parts, b->cap * sizeof *b->parts);
        if (!b->parts)
            abort();
    }
    b->parts[b->nparts++] = (struct book_part){.title = title, .body = body};
    return 0;
}

/* Where a long body is parted: after a paragraph, else after a space, else between characters. */
static size_t part_end(struct str body)
{
    struct str head = cut(body, BOOK_PART_BYTES);
    size_t n = head.n;

    if (head.n == body.n)
        return body.n;
    while (n > BOOK_PART_BYTES / 2 && head.p[n - 1] != '\n')
        n--;
    if (n > BOOK_PART_BYTES / 2)
        return n;
    n = head.n;
    while (n > BOOK_PART_BYTES / 2 && head.p[n - 1] != ' ')
        n--;
    return n > BOOK_PART_BYTES / 2 ? n : head.n;
}

int book_add_part(struct book *b, struct str title, struct str body, struct err *e)
{
    struct buf clean;
    struct str text;

    buf_init(&clean, BOOK_TEXT_MAX);
    fold_space(body, true, &clean);
    if (buf_check(&clean, e) != 0) {
        buf_fini(&clean);
        return err_wrap(e, "part %zu", b->nparts + 1);
    }
    text = nfc(b, buf_str(&clean));
    buf_fini(&clean);
    title = book_line(b, title, BOOK_TITLE_MAX);
    for (unsigned piece = 1; text.n > 0; piece++) {
        size_t n = part_end(text);
        struct str name = title;

        if (piece > 1)
            name = str_c(arena_printf(&b->arena, "%" STR_FMT "%s(%u)", STR_ARG(title),
                                      title.n > 0 ? " " : "", piece));
        if (push_part(b, name, str_trim(str_head(text, n)), e) != 0)
            return -1;
        text = str_trim(str_skip(text, n));
    }
    return 0;
}

/* "fr-SN", "EN", "eng" by their first two letters, small; what is no language is taken for French. */
static struct str language(struct book *b, struct str raw)
{
    char two[2];

    if (raw.n < 2)
        return STR("fr");
    for (size_t i = 0; i < 2; i++) {
        two[i] = (char)(raw.p[i] | 0x20);
        if (two[i] < 'a' || two[i] > 'z')
            return STR("fr");
    }
    return arena_str(&b->arena, str_n(two, 2));
}

int book_finish(struct book *b, struct err *e)
{
    if (b->title.n == 0)
        return err_set(e, ERR_BAD_INPUT, "the book has no title");
    if (b->nparts == 0)
        return err_set(e, ERR_BAD_INPUT, "the book has no text");
    b->language = language(b, b->language);
    return 0;
}
