/* SPDX-License-Identifier: Apache-2.0 */
/*
 * concat: parts that arrive become one text. concat_parse reads the user data header (3GPP TS
 * 23.040 9.2.3.24) or the SAR TLVs (v3.4 5.3.2.22-24) of one PDU; struct reassembly collects the
 * parts.
 *
 * Parts of one message may come over any bind of the account, in any order, more than once. A set
 * is (account, source, destination, reference, its width, total). A part that comes again with
 * other octets belongs to a newer message that reuses the reference: it starts the set anew. A set
 * that is not complete in time is dropped and counted; so is the oldest when sets or bytes reach
 * their ceiling.
 *
 * Order of calls: reassembly_init, reassembly_add for each part, reassembly_expire from a timer,
 * reassembly_fini. Time is given. It never answers a PDU: that is the caller's, at each part.
 */
#ifndef COKO_SMPP_CONCAT_H
#define COKO_SMPP_CONCAT_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/buf.h"
#include "gateway/lib/list.h"
#include "gateway/lib/map.h"
#include "gateway/lib/str.h"
#include "smpp/alphabet.h"
#include "smpp/pdu.h"

struct concat {
    uint8_t width; /* of the reference: 8, 16; 17 for SAR TLVs; 0: not a part of anything */
    uint16_t ref;
    uint8_t total;    /* 1..255 */
    uint8_t no;       /* 1..total */
    bool bad_header;  /* UDHI set, but the header does not hold together: text has all octets */
    bool sar_ignored; /* SAR TLVs beside a header with a reference, or with odd numbers */
    bool ported;      /* application port addressing: not for people */
    uint16_t port;    /* destination port */
    struct gsm_shift shift; /* national language tables asked for */
    struct str text;        /* octets without the header: a view on the PDU */
};

/* Reads what the PDU (shape sm or data) says about parts. An information element that makes no
 * sense (total 0, number 0 or above total) is ignored, other elements around it are legal. */
void concat_parse(const struct pdu *p, struct concat *out);

struct reassembly_config {
    size_t max_sets;  /* 1 or more */
    size_t max_bytes; /* of text octets held */
    int64_t ttl_ms;   /* from the first part */
};

struct reassembly {
    struct reassembly_config config;
    struct map sets;
    struct list by_age;
    size_t bytes;
    uint64_t completed, expired, evicted, duplicates, restarted; /* ever */
};

enum reassembly_result {
    REASSEMBLY_WAIT,      /* kept; parts are missing */
    REASSEMBLY_DUPLICATE, /* the same part again: nothing changed */
    REASSEMBLY_COMPLETE,  /* the whole text was appended, the set is gone */
    REASSEMBLY_REFUSED    /* larger than all the room there is */
};

void reassembly_init(struct reassembly *r, const struct reassembly_config *config);
void reassembly_fini(struct reassembly *r);

/* One part (c->width != 0). account: whose binds. p: its addresses (shape sm or data). a: alphabet
 * of its octets, which are copied. text: gets UTF-8 when complete; octets of neighbours with one
 * alphabet are joined before they are decoded, so a foreign cut inside a character heals. */
enum reassembly_result reassembly_add(struct reassembly *r, struct str account, const struct pdu *p,
                                      const struct concat *c, enum alphabet a, int64_t now,
                                      struct buf *text);

/* Drops what is older than the ttl; returns how many sets. */
size_t reassembly_expire(struct reassembly *r, int64_t now);

#endif
