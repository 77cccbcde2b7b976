/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko invoice`, and the paper itself: one A4 page of PDF, in French or English. The same invoice is
 * the same bytes, whenever and wherever it is printed: its dates are its own, nothing is compressed,
 * and its fonts are two of the fourteen that every reader of PDF has.
 */
#ifndef COKO_PAPERS_INVOICE_H
#define COKO_PAPERS_INVOICE_H

#include "gateway/lib/buf.h"

#define INVOICE_PDF_MAX (64u << 10)

/* All that an invoice shows: UTF-8, written out in its language; "" where there is nothing. */
struct invoice_paper {
    const char *number, *kind; /* "invoice" or "credit" */
    const char *of_number;     /* of a credit note: the invoice that it takes back of */
    const char *lang;          /* "fr" or "en" */
    const char *issued;        /* a day, as it is read */
    const char *issued_at;     /* YYYYMMDDhhmmss, UTC */
    const char *seller_name, *seller_particulars; /* lines */
    const char *label;
    const char *ht, *tva, *ttc;  /* "2 500 FCFA" */
    const char *rate;            /* of the VAT, in per cent: "18" */
    const char *credit;          /* the part that credit paid */
    const char *rail, *rail_txn; /* who moved the money, and its id there */
    const char *reference;       /* ours, as the receipt has it */
    char payer[32];              /* "+225 ******04": never more of a number */
};

/* Append the page to out. -1: ERR_BAD_INPUT issued_at is no time, ERR_NOMEM, or the buffer's ceiling. */
MUST_CHECK int invoice_pdf(const struct invoice_paper *p, struct buf *out, struct err *e);

/* A number as a paper may show it: the country's prefix and the last two digits; "" of what is none. */
void invoice_mask(struct str e164, const char *prefix, char out[32]);

/* argv[0] is "invoice"; an exit code (gateway/commands/commands.h). */
int command_invoice(int argc, char **argv);

#endif
