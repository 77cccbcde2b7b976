/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rail's statement, a CSV file, to lines of billing.statement_import. Its format is data:
 * statements/<rail>.json, so that another export needs no C. Pure after the load.
 *
 *   {
 *     "name": "mpesa",                  the rail, as in billing.rail
 *     "comment": "...",
 *     "separator": ",",                 , ; or a tab; absent: the one that the head line is read by
 *     "columns": {                      what stands under which name of the head line
 *       "id": "Receipt No.",            the rail's id of the transaction; required
 *       "at": "Completion Time",        required
 *       "amount": "Amount",             or, of two columns, "in" and "out": one of them has it
 *       "fee": "Fee", "withheld": "Tax",  what the rail keeps of it; a sign is of no account
 *       "reference": "A/C No.",         our reference
 *       "currency": "Currency",         absent: "currency"
 *       "kind": "Reason Type", "status": "Transaction Status"
 *     },
 *     "currency": "KES",
 *     "time": "%Y-%m-%d %H:%M:%S",      Y m d H I M S; b: Jan .. Dec; p: AM or PM; f: a fraction, if
 *                                       there is one; z: Z or +03:00, if there is one
 *     "zone": "Africa/Nairobi",         the clock of times without one; absent: UTC
 *     "grouping": ",",                  between thousands; a blank is also a no-break space
 *     "decimal": ".",                   , or .
 *     "signed": true,                   what leaves the wallet has a minus; a payment that has one, or
 *                                       a refund or fee that has none, is a fault. With "in" and
 *                                       "out", out is the minus
 *     "net": true,                      a payment's amount is what arrived: fee and withholding added
 *                                       are the gross
 *     "kinds": {"Pay Bill*": "payment", "*": "other"},   in order; any case; a star at the end:
 *                                       whatever follows. payment refund fee other, or skip
 *     "statuses": {"Completed": "done", "Failed": "skip"}   done, or skip: no money moved
 *   }
 *
 * Without a column kind everything is a payment. A word that no list has, an amount that is not a
 * whole number of minor units, another form of time: faults of that line. Lines before the head are
 * passed over (the first HEAD_LINES_MAX may hold it); names of columns are compared without case and
 * outer blanks; columns that nobody named are not looked at and never stored.
 */
#ifndef COKO_MONEY_STATEMENT_H
#define COKO_MONEY_STATEMENT_H

#include "gateway/lib/buf.h"
#include "gateway/lib/csv.h"
#include "gateway/lib/fault.h"

#define STATEMENT_FILE_MAX  (64u << 20)
#define STATEMENT_LINES_MAX 200000
#define STATEMENT_ID_MAX    64
#define STATEMENT_WORDS_MAX 32
#define HEAD_LINES_MAX      40

enum statement_column {
    COLUMN_ID,
    COLUMN_AT,
    COLUMN_AMOUNT,
    COLUMN_IN,
    COLUMN_OUT,
    COLUMN_FEE,
    COLUMN_WITHHELD,
    COLUMN_REFERENCE,
    COLUMN_CURRENCY,
    COLUMN_KIND,
    COLUMN_STATUS,
    STATEMENT_COLUMNS,
};

/* What a word of the rail means. */
enum statement_meaning {
    MEANS_PAYMENT,
    MEANS_REFUND,
    MEANS_FEE,
    MEANS_OTHER,
    MEANS_DONE,
    MEANS_SKIP,
};

struct statement_words {
    struct {
        char text[64];
        enum statement_meaning means;
    } word[STATEMENT_WORDS_MAX];
    size_t n;
};

struct statement_format {
    char name[32];
    char column[STATEMENT_COLUMNS][64]; /* "": the rail has none */
    char separator;                     /* 0: found */
    char currency[4];
    char time[64];
    char zone[64];
    char grouping; /* 0: none */
    char decimal;
    bool is_signed, net;
    struct statement_words kinds, statuses;
};

/* Loads and checks; -1 when faults were added to the list, all at once. */
MUST_CHECK int statement_format_load(const char *path, struct statement_format *f,
                                     struct fault_list *faults);

/* The same from bytes; file is for the messages. */
MUST_CHECK int statement_format_read(const char *file, struct str bytes, struct statement_format *f,
                                     struct fault_list *faults);

/*
 * All lines of a file as a JSON array: {"no", "id", "ref", "kind", "gross", "fee", "withheld",
 * "currency", "at"}, amounts in minor units. *lines: how many. -1: faults were added, a line's with
 * its number; out is then of no use.
 */
MUST_CHECK int statement_read(const struct statement_format *f, const char *file, struct str bytes,
                              struct buf *out, size_t *lines, struct fault_list *faults);

/*
 * A time by the pattern of a format, as "YYYY-MM-DDTHH:MM:SS", with Z or +hh:mm where it says so.
 * False: it is not of that form, or no such time. out has 32 bytes.
 */
MUST_CHECK bool statement_time(const char *pattern, struct str text, char out[32]);

#endif
