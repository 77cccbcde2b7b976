/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receipt: what a delivery receipt says. Reads deliver_sm and data_sm, by TLVs
 * (receipted_message_id, message_state, network_error_code) and by the text of v3.4 appendix B,
 * whose keys may come in any order, be missing, be followed by a space, or be cut. TLVs win over
 * text.
 *
 * The id a receipt names is rarely written as the submit_sm_resp wrote it: another case, zero
 * padding, hexadecimal on one side and decimal on the other. So ids come normalised
 * (receipt_normal_id), with the other readings behind them; who stores ids stores them normalised
 * and looks for each in turn.
 *
 * Order of calls: receipt_is, receipt_parse. No malloc, no state; views live as long as the PDU,
 * or as the text given. It never decides what a receipt means for a message: messaging.receipts
 * does, where the first final state stays.
 */
#ifndef COKO_SMPP_RECEIPT_H
#define COKO_SMPP_RECEIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/base.h"
#include "gateway/lib/err.h"
#include "gateway/lib/str.h"
#include "smpp/alphabet.h"
#include "smpp/pdu.h"

#define RECEIPT_ID_MAX 72 /* a normalised id with its NUL */
#define RECEIPT_IDS    6  /* two sources, three readings */
#define RECEIPT_TEXT   1024

/* Numbers of message_state, v3.4 5.2.28 and v5 4.7.15. */
enum receipt_state {
    RECEIPT_SCHEDULED = 0,
    RECEIPT_ENROUTE = 1,
    RECEIPT_DELIVERED = 2,
    RECEIPT_EXPIRED = 3,
    RECEIPT_DELETED = 4,
    RECEIPT_UNDELIVERABLE = 5,
    RECEIPT_ACCEPTED = 6,
    RECEIPT_UNKNOWN = 7,
    RECEIPT_REJECTED = 8,
    RECEIPT_SKIPPED = 9,
    RECEIPT_UNREADABLE = 15 /* a word no carrier has shown us */
};

struct receipt {
    char ids[RECEIPT_IDS][RECEIPT_ID_MAX]; /* normalised, likeliest first, all different */
    unsigned id_count;                     /* 0: the receipt names no message */
    enum receipt_state state;
    char err[12]; /* text of "err:", "" when absent */
    bool has_network_error;
    uint8_t network_type; /* network_error_code: its first octet, and the code */
    uint16_t network_code;
    bool has_reference;
    uint16_t reference; /* user_message_reference: our own number for the part */
    char done_date[16]; /* digits as sent, "" when absent */
    bool state_by_tlv, id_by_tlv;
};

/* Is this PDU (shape sm or data) a receipt? By esm_class, or by both TLVs when esm_class says
 * nothing. Text alone never makes one: a reader could type it. */
bool receipt_is(const struct pdu *p);

/* Reads a receipt. -1: neither an id nor a reference can be found, or no state; what was read is in
 * out all the same. */
MUST_CHECK int receipt_parse(const struct pdu *p, struct receipt *out, struct err *e);

/* Only the text (UTF-8 or ASCII), with the same result. */
MUST_CHECK int receipt_parse_text(struct str text, struct receipt *out, struct err *e);

/* The stored form of a message id: ASCII white space off its ends, lower case, and without leading
 * zeros when it is a hexadecimal or decimal number of at most 20 digits. An id that holds anything
 * else (a UUID) keeps its zeros. Cut to RECEIPT_ID_MAX - 1. "" stays "". */
void receipt_normal_id(struct str raw, char out[RECEIPT_ID_MAX]);

/* "DELIVRD", "UNDELIV" ... as appendix B writes them. */
const char *receipt_state_name(enum receipt_state s);

#endif
