/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of an invoice, drawn with libharu. See invoice.h.
 *
 * libharu keeps the first error of a document and then does nothing more; it is asked once, at the
 * end. Text is WinAnsi there: a letter outside of it is folded as for a phone's alphabet.
 */
#include "gateway/papers/invoice.h"

#include <assert.h>
#include <hpdf.h>
#include <stdio.h>
#include <string.h>

#include "gateway/lib/gsm.h"
#include "gateway/lib/utf8.h"

#define MARGIN   57.0f /* 20 mm */
#define WIDTH    481.0f
#define TOP      785.0f
#define TEXT_MAX 600

enum word {
    TITLE,
    TITLE_CREDIT,
    OF,
    DATE,
    PAYER,
    WHAT,
    HT,
    TVA,
    TTC,
    TOTAL,
    PAID_BY,
    GIVEN_BY,
    CREDIT,
    REFERENCE,
    WORDS
};

static const char *const words[2][WORDS] = {
    {[TITLE] = "Facture",
     [TITLE_CREDIT] = "Avoir",
     [OF] = "sur la facture",
     [DATE] = "Date",
     [PAYER] = "Payé par le numéro",
     [WHAT] = "Désignation",
     [HT] = "Montant HT",
     [TVA] = "TVA",
     [TTC] = "Total TTC",
     [TOTAL] = "Total HT",
     [PAID_BY] = "Payé par",
     [GIVEN_BY] = "Rendu par",
     [CREDIT] = "Dont avoir du client",
     [REFERENCE] = "Référence"},
    {[TITLE] = "Invoice",
     [TITLE_CREDIT] = "Credit note",
     [OF] = "on invoice",
     [DATE] = "Date",
     [PAYER] = "Paid by the number",
     [WHAT] = "Description",
     [HT] = "Amount excl. VAT",
     [TVA] = "VAT",
     [TTC] = "Total incl. VAT",
     [TOTAL] = "Total excl. VAT",
     [PAID_BY] = "Paid by",
     [GIVEN_BY] = "Given back by",
     [CREDIT] = "Of which credit of the customer",
     [REFERENCE] = "Reference"},
};

struct sheet {
    HPDF_Doc pdf;
    HPDF_Page page;
    HPDF_Font plain, bold;
    const char *const *say;
    float y; /* of the next line */
};

/* ---- text ---- */

/* One character in WinAnsi, of which ASCII and Latin-1 have the places of Unicode. */
static void put_letter(struct buf *out, uint32_t cp)
{
    char utf8[4], mem[16];
    struct buf folded;

    if (cp == 0x20AC || cp == 0x152 || cp == 0x153 || cp == 0x2019) {
        buf_addc(out, (char)(cp == 0x20AC ? 0x80 : cp == 0x152 ? 0x8C : cp == 0x153 ? 0x9C : 0x92));
    } else if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0)) {
        buf_addc(out, ' ');
    } else if (cp <= 0xFF) {
        buf_addc(out, (char)cp);
    } else {
        buf_init_fixed(&folded, mem, sizeof mem);
        (void)gsm_fold(str_n(utf8, utf8_encode(cp, utf8)), &folded, GSM_FOLD_ASCII);
        buf_adds(out, buf_str(&folded));
    }
}

static void win_ansi(struct str text, char out[TEXT_MAX])
{
    struct buf b;

    buf_init_fixed(&b, out, TEXT_MAX - 1);
    while (text.n > 0 && b.len + 8 < TEXT_MAX) {
        int32_t cp = utf8_next(&text);

        put_letter(&b, cp == UTF8_BAD ? '?' : (uint32_t)cp);
    }
    out[b.len] = '\0';
}

/* Draws one line; what is wider than its room ends in "...". right: room ends at x. */
static void put(struct sheet *s, float x, float room, bool right, HPDF_Font font, float size,
                struct str text)
{
    char line[TEXT_MAX];

    win_ansi(text, line);
    HPDF_Page_SetFontAndSize(s->page, font, size);
    for (size_t n = strlen(line); n > 3 && HPDF_Page_TextWidth(s->page, line) > room; n--)
        memcpy(line + n - 4, "...", 4);
    if (right)
        x -= HPDF_Page_TextWidth(s->page, line);
    HPDF_Page_BeginText(s->page);
    HPDF_Page_TextOut(s->page, x, s->y, line);
    HPDF_Page_EndText(s->page);
}

static void line_down(struct sheet *s, float size)
{
    s->y -= size * 1.5f;
}

static void rule(struct sheet *s)
{
    HPDF_Page_SetLineWidth(s->page, 0.5f);
    HPDF_Page_MoveTo(s->page, MARGIN, s->y + 4);
    HPDF_Page_LineTo(s->page, MARGIN + WIDTH, s->y + 4);
    HPDF_Page_Stroke(s->page);
    line_down(s, 8);
}

/* ---- the parts of the page, from the top ---- */

static void seller(struct sheet *s, const struct invoice_paper *p)
{
    struct str rest = str_c(p->seller_particulars);

    put(s, MARGIN, WIDTH, false, s->bold, 15, str_c(p->seller_name));
    line_down(s, 15);
    for (int i = 0; i < 8 && rest.n > 0; i++) {
        const char *end = memchr(rest.p, '\n', rest.n);
        size_t n = end ? (size_t)(end - rest.p) : rest.n;

        put(s, MARGIN, WIDTH, false, s->plain, 9, str_n(rest.p, n));
        line_down(s, 9);
        n += end ? 1 : 0;
        rest = str_n(rest.p + n, rest.n - n);
    }
    line_down(s, 24);
}

static void named(struct sheet *s, enum word w, const char *value)
{
    char text[TEXT_MAX];

    if (!*value)
        return;
    snprintf(text, sizeof text, "%s : %s", s->say[w], value);
    put(s, MARGIN, WIDTH, false, s->plain, 10, str_c(text));
    line_down(s, 10);
}

static void head(struct sheet *s, const struct invoice_paper *p)
{
    char title[TEXT_MAX];
    bool credit = strcmp(p->kind, "credit") == 0;

    snprintf(title, sizeof title, "%s %s", s->say[credit ? TITLE_CREDIT : TITLE], p->number);
    put(s, MARGIN, WIDTH, false, s->bold, 20, str_c(title));
    line_down(s, 18);
    if (credit) {
        snprintf(title, sizeof title, "%s %s", s->say[OF], p->of_number);
        put(s, MARGIN, WIDTH, false, s->plain, 12, str_c(title));
        line_down(s, 12);
    }
    named(s, DATE, p->issued);
    named(s, PAYER, p->payer);
    line_down(s, 20);
}

static void amount(struct sheet *s, const char *what, const char *value, HPDF_Font font)
{
    put(s, MARGIN + WIDTH - 110, 200, true, font, 10, str_c(what));
    put(s, MARGIN + WIDTH, 105, true, font, 10, str_c(value));
    line_down(s, 12);
}

static void sums(struct sheet *s, const struct invoice_paper *p)
{
    char tva[80];

    snprintf(tva, sizeof tva, "%s %s %%", s->say[TVA], p->rate);
    put(s, MARGIN, WIDTH - 130, false, s->bold, 10, str_c(s->say[WHAT]));
    put(s, MARGIN + WIDTH, 120, true, s->bold, 10, str_c(s->say[HT]));
    line_down(s, 10);
    rule(s);
    put(s, MARGIN, WIDTH - 110, false, s->plain, 10, str_c(p->label));
    put(s, MARGIN + WIDTH, 105, true, s->plain, 10, str_c(p->ht));
    line_down(s, 12);
    rule(s);
    amount(s, s->say[TOTAL], p->ht, s->plain);
    amount(s, tva, p->tva, s->plain);
    amount(s, s->say[TTC], p->ttc, s->bold);
    line_down(s, 20);
}

static void payment(struct sheet *s, const struct invoice_paper *p)
{
    char text[TEXT_MAX];

    if (*p->rail) {
        snprintf(text, sizeof text, "%s%s%s", p->rail, *p->rail_txn ? ", " : "", p->rail_txn);
        named(s, strcmp(p->kind, "credit") == 0 ? GIVEN_BY : PAID_BY, text);
    }
    named(s, CREDIT, p->credit);
    named(s, REFERENCE, p->reference);
}

/* ---- the whole ---- */

static int two_digits(const char *p)
{
    return (p[0] - '0') * 10 + (p[1] - '0');
}

/* Whether there is such a day is libharu's to say. */
static int date_of(const char *text, HPDF_Date *out)
{
    if (strlen(text) != 14 || strspn(text, "0123456789") != 14)
        return -1;
    *out = (HPDF_Date){.year = two_digits(text) * 100 + two_digits(text + 2),
                       .month = two_digits(text + 4),
                       .day = two_digits(text + 6),
                       .hour = two_digits(text + 8),
                       .minutes = two_digits(text + 10),
                       .seconds = two_digits(text + 12),
                       .ind = 'Z'};
    return 0;
}

static void draw(struct sheet *s, const struct invoice_paper *p, const HPDF_Date *at)
{
    HPDF_SetCompressionMode(s->pdf, HPDF_COMP_NONE);
    s->plain = HPDF_GetFont(s->pdf, "Helvetica", "WinAnsiEncoding");
    s->bold = HPDF_GetFont(s->pdf, "Helvetica-Bold", "WinAnsiEncoding");
    s->page = HPDF_AddPage(s->pdf);
    HPDF_Page_SetSize(s->page, HPDF_PAGE_SIZE_A4, HPDF_PAGE_PORTRAIT);
    HPDF_SetInfoAttr(s->pdf, HPDF_INFO_TITLE, p->number);
    HPDF_SetInfoDateAttr(s->pdf, HPDF_INFO_CREATION_DATE, *at);
    HPDF_SetInfoDateAttr(s->pdf, HPDF_INFO_MOD_DATE, *at);
    s->y = TOP;
    seller(s, p);
    head(s, p);
    sums(s, p);
    payment(s, p);
    HPDF_SaveToStream(s->pdf);
}

static void stream_read(HPDF_Doc pdf, struct buf *out)
{
    HPDF_UINT32 size = HPDF_GetStreamSize(pdf);
    char *room = buf_reserve(out, size);

    if (!room)
        return;
    HPDF_ResetStream(pdf);
    HPDF_ReadFromStream(pdf, (HPDF_BYTE *)room, &size);
    buf_advance(out, size);
}

int invoice_pdf(const struct invoice_paper *p, struct buf *out, struct err *e)
{
    struct sheet s = {.say = words[strcmp(p->lang, "en") == 0]};
    HPDF_Date at;

    if (date_of(p->issued_at, &at) != 0)
        return err_set(e, ERR_BAD_INPUT, "%s: \"%s\" is no time", p->number, p->issued_at);
    s.pdf = HPDF_New(NULL, NULL);
    if (!s.pdf)
        return err_set(e, ERR_NOMEM, "no memory for a page");
    draw(&s, p, &at);
    HPDF_STATUS failed = HPDF_GetError(s.pdf);

    if (failed == HPDF_OK)
        stream_read(s.pdf, out);
    HPDF_Free(s.pdf);
    if (failed != HPDF_OK)
        return err_set(e, ERR_BAD_INPUT, "%s: the page cannot be drawn (0x%lx)", p->number, failed);
    return buf_check(out, e);
}

void invoice_mask(struct str e164, const char *prefix, char out[32])
{
    size_t hidden = strlen(prefix) + 3; /* with the plus and what is shown */

    out[0] = '\0';
    if (e164.n < hidden + 2 || e164.n > 20 || e164.p[0] != '+' ||
        strncmp(e164.p + 1, prefix, strlen(prefix)) != 0)
        return;
    snprintf(out, 32, "+%s %.*s%.2s", prefix, (int)(e164.n - hidden), "****************",
             e164.p + e164.n - 2);
}
