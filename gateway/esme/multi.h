/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who one submit_multi goes to, and what became of each. Pure.
 *
 * Order of calls: multi_new; multi_told for each i that has a multi_number; then multi_status,
 * multi_id and multi_failed say what its response is; multi_free wipes the numbers.
 */
#ifndef COKO_ESME_MULTI_H
#define COKO_ESME_MULTI_H

#include "gateway/esme/esme.h"
#include "gateway/lib/msisdn.h"
#include "smpp/pdu.h"

#define MULTI_FAILED_MAX (PDU_LIST_MAX * 27u) /* octets: ton, npi, 21 of address, 4 of status */

struct multi;

/* Judges the destinations (at least one) of a PDU that was decoded. Never NULL. */
struct multi *multi_new(const struct esme_config *c, const struct pdu_list *dests);
void multi_free(struct multi *m); /* NULL is allowed */

unsigned multi_count(const struct multi *m);
/* The number to submit destination i to; NULL: it was refused, or stands further up already. */
const struct msisdn *multi_number(const struct multi *m, unsigned i);
/* How many have one. */
unsigned multi_numbers(const struct multi *m);

/* What became of destination i: 0 and the id, or the status that refuses it. */
void multi_told(struct multi *m, unsigned i, uint32_t status, struct str id);

/* Of the response: 0 when anything was taken. */
uint32_t multi_status(const struct multi *m);
/* "": nothing was. */
struct str multi_id(const struct multi *m);
/* The destinations that failed; their octets stay in store, empty before, MULTI_FAILED_MAX long. */
void multi_failed(const struct multi *m, struct buf *store, struct pdu_list *out);

#endif
