/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One submit_sm, submit_multi or data_sm, judged and turned into what the outbox keeps. Pure: no database says a
 * word yet.
 *
 * What is carried how:
 *   octets as they came   with a header of the ESME's own (UDHI), binary, one part of UCS-2 or of a
 *                         class (flash), or a text that its alphabet cannot read; SAR becomes a
 *                         header with the low octet of its reference
 *   text                  all else, message_payload too: cut again as the route wants it
 *
 * What is refused, and with which status:
 *   0x0B destination   no number, no country, not one of its prefixes
 *   0x0A source        not one of its senders, or no address at all
 *   0x43 esm_class     transaction mode, a type of deliveries, UDHI without a header that holds
 *   0xC4               SAR parameters beside a header, or with impossible numbers
 *   0x01 length        more than one part holds (octets), more than ESME_BODY_MAX or 255 parts (text)
 *   0x06 0x15 0x54 0x63   priority above 3, service type USSD, replace_if_present, a canned message
 *   0x61 0x62          schedule over or beyond 30 days; validity over or before the schedule
 */
#ifndef COKO_ESME_REQUEST_H
#define COKO_ESME_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/esme/esme.h"
#include "gateway/lib/msisdn.h"
#include "smpp/pdu.h"

#define ESME_BODY_MAX   4000 /* octets of UTF-8: what the sender opens again */
#define ESME_SOURCE_MAX 15

struct esme_request {
    struct msisdn number;
    char source[ESME_SOURCE_MAX + 1]; /* "": none */
    const char *source_kind;          /* as in messaging.sender; "" without source */
    uint8_t body[ESME_BODY_MAX];
    size_t len;
    int coding; /* of octets; -1: body is text */
    bool plain; /* it came in data_coding 0 */
    bool udhi;  /* octets begin with a header */
    unsigned parts;
    int priority; /* of the outbox: 2, or 3 for the lowest of SMPP */
    int64_t due_s, validity_s;
    int registered; /* 0 no receipt, 1 any end, 2 failures, 3 successes */
};

/* 0, or the status that refuses the PDU (shape sm, data, or multi: then without its destinations).
 * now: Unix time. */
uint32_t esme_request_read(const struct esme_config *c, const struct pdu *p, int64_t now,
                           struct esme_request *out);

/* One destination: 0 and its number, or the status that refuses it. */
uint32_t esme_number_read(const struct esme_config *c, struct str dest, struct msisdn *out);

/* What a replace_sm brings. due_s and validity_s are -1 where it leaves them. 0 or the status. */
uint32_t esme_request_replace(const struct esme_config *c, const struct pdu *p, int64_t now,
                              struct esme_request *out);

/* A source address as the outbox keeps it, out[ESME_SOURCE_MAX + 1]: digits, or at most 11 letters.
 * -1: neither. */
MUST_CHECK int esme_source_read(struct str source, uint8_t ton, char *out, const char **kind);

#endif
