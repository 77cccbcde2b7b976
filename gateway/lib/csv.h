/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comma-separated text (RFC 4180) a record at a time, from bytes in memory. Pure.
 *
 *     struct csv c;
 *     csv_init(&c, bytes, ',');
 *     while ((rc = csv_next(&c)) != CSV_END)
 *         if (rc == CSV_RECORD) ... c.field[0 .. c.nfields - 1], c.line
 *         else ... c.line, c.fault
 *
 * A record ends with CR LF or LF; a leading byte order mark and empty lines are left out; a field in
 * quotes may hold separators, line ends and "" for a quote. What can be read in two ways is a fault
 * of its record: a quote inside a plain field, text behind a closing quote, a quote that never
 * closes, a bare CR, a NUL; too many fields, too many bytes. Reading then goes on at the next line.
 */
#ifndef COKO_LIB_CSV_H
#define COKO_LIB_CSV_H

#include "gateway/lib/str.h"

#define CSV_FIELDS_MAX 64
#define CSV_RECORD_MAX 16384 /* bytes of one record */

enum csv_result { CSV_END, CSV_RECORD, CSV_FAULT };

struct csv {
    struct str field[CSV_FIELDS_MAX]; /* of the record: views into the bytes, or into text */
    size_t nfields;
    unsigned line;     /* of the record's first byte, from 1 */
    const char *fault; /* of CSV_FAULT: what is wrong, a constant text */
    /* private */
    struct str rest;
    char sep;
    unsigned next_line;
    size_t used; /* of text */
    char text[CSV_RECORD_MAX];
};

/* The bytes stay the caller's and must outlive c. */
void csv_init(struct csv *c, struct str bytes, char sep);

/* The next record, until CSV_END. Fields are good until the next call. */
enum csv_result csv_next(struct csv *c);

#endif
