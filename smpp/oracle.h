/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle: what libsmpp34, an independent implementation, makes of a PDU. The library is not safe on
 * bytes from a network, so it only ever runs in a child process that has limits, gets no PDU with
 * more than ORACLE_TLVS TLVs, and ends after one question. For people (smpp decode) and for the
 * differential test; no path of the service asks it.
 */
#ifndef COKO_SMPP_ORACLE_H
#define COKO_SMPP_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/lib/base.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/err.h"

#define ORACLE_TLVS 20
#define ORACLE_OUT  65536 /* bytes of an answer */

enum oracle_question {
    ORACLE_VIEW,  /* unpack: one "name<TAB>value<LF>" a field in wire order, "tlv XXXX<TAB>hex" */
    ORACLE_REPACK /* unpack, then pack: the PDU as the library writes it (its TLVs in reverse) */
};

/* Asks the library about one PDU and appends its answer. -1: it refuses the PDU (ERR_PROTOCOL, its
 * own words), it crashed or hung (ERR_IO), or the PDU is not for it (ERR_UNSUPPORTED). Blocks up
 * to 3 s. */
MUST_CHECK int oracle_ask(enum oracle_question q, const uint8_t *p, size_t n, struct buf *out,
                          struct err *e);

/* In the child: answers on out, 0, or -1 and the library's words on out. Never called elsewhere. */
int oracle_child(enum oracle_question q, const uint8_t *p, size_t n, struct buf *out);

/* A value as both columns show it: 'text' when all octets are printable, else hex. */
void oracle_show(struct buf *out, const void *p, size_t n);

/* An entry of submit_multi's lists in one line: a list's name, or ton, npi and address; with the
 * status of one that failed. */
void oracle_show_dest(struct buf *out, bool is_list, unsigned ton, unsigned npi, const void *p,
                      size_t n);
void oracle_show_failed(struct buf *out, unsigned ton, unsigned npi, const void *p, size_t n,
                        uint32_t status);

#endif
