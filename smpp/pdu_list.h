/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of submit_multi's lists, for pdu.c; everybody else has pdu_dest_next and its sister.
 */
#ifndef COKO_SMPP_PDU_LIST_H
#define COKO_SMPP_PDU_LIST_H

#include "smpp/pdu.h"

/* Takes one entry off the front of *rest: 0, or the status that answers a request which ends there,
 * with *rest where it was. */
uint32_t pdu_entry_dest(struct str *rest, struct pdu_dest *out);
uint32_t pdu_entry_failed(struct str *rest, struct pdu_failed *out);

#endif
