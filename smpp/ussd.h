/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ussd: USSD over SMPP, which is not one protocol but a dialect a carrier. A dialect is a struct
 * filled from data; nothing in the code knows a carrier's name.
 *
 *   pull   deliver_sm BEGIN -> submit_sm ASK -> deliver_sm ANSWER -> .. -> submit_sm CLOSE
 *   push   submit_sm PUSH_ASK -> deliver_sm ANSWER -> ..     submit_sm PUSH_TELL -> deliver_sm TOLD
 *   end    deliver_sm ABORT, the end bit in any delivery, or silence
 *
 * What differs: where the session's name stands (its_session_info, user_message_reference, or only
 * the two addresses), what says the kind of a message (ussd_service_op or a service_type of two
 * letters), and what ends a dialogue (another op, bit 0 of its_session_info, both).
 * its_session_info has 1 to DIALECT_INFO_MAX octets, is opaque, and goes back as it came but for bit
 * 0 of its last octet.
 *
 * Order of calls: dialect_decode of a delivery; dialect_reply to its peer; dialect_submit as often as
 * it is written. Pure: no clock, no socket, no malloc. It never splits a text: what is too long is
 * cut and said to be.
 */
#ifndef COKO_SMPP_USSD_H
#define COKO_SMPP_USSD_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/base.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/err.h"
#include "gateway/lib/str.h"
#include "smpp/alphabet.h"
#include "smpp/pdu.h"

#define DIALECT_SAID_MAX    4   /* values that mean one kind */
#define DIALECT_TYPE_MAX    6   /* a service_type with its NUL */
#define DIALECT_INFO_MAX    16  /* octets of its_session_info */
#define DIALECT_ADDRESS_MAX 21  /* an address of submit_sm with its NUL */
#define DIALECT_TEXT_MAX    182 /* octets of a reply: 182 septets, or 80 UCS-2 units */
#define DIALECT_INPUT_MAX   1024

/* Where the session's name stands; the subscriber's number is always a part of it. */
enum dialect_key {
    DIALECT_SESSION_INFO,   /* its_session_info without bit 0 of its last octet */
    DIALECT_SESSION_NUMBER, /* its first octet: the rest counts the dialogue's messages */
    DIALECT_REFERENCE,      /* user_message_reference */
    DIALECT_SHORT_CODE      /* no name: one dialogue for a number and a code */
};

/* What a delivery is. */
enum dialect_kind { DIALECT_BEGIN, DIALECT_ANSWER, DIALECT_TOLD, DIALECT_ABORT, DIALECT_KINDS };

/* What a submit says. */
enum dialect_word {
    DIALECT_ASK,
    DIALECT_CLOSE,
    DIALECT_PUSH_ASK,
    DIALECT_PUSH_TELL,
    DIALECT_WORDS
};

struct dialect {
    enum dialect_key key;
    bool by_service_type; /* else by ussd_service_op, and service_type is sent with everything */
    bool end_bit;         /* bit 0 of its_session_info: the dialogue is over */
    char service_type[DIALECT_TYPE_MAX];
    struct {
        unsigned n;
        uint8_t op[DIALECT_SAID_MAX];
        char type[DIALECT_SAID_MAX][DIALECT_TYPE_MAX]; /* a service_type that begins so */
    } heard[DIALECT_KINDS];
    struct {
        uint8_t op;
        char type[DIALECT_TYPE_MAX];
    } said[DIALECT_WORDS];
    bool ucs2;      /* texts go as UCS-2, else as GSM-7 */
    uint8_t coding; /* data_coding that says so */
    unsigned limit; /* of a text, in septets or UTF-16 units */
};

/* The other side of a dialogue: what a reply must repeat. */
struct dialect_peer {
    char number[DIALECT_ADDRESS_MAX]; /* the subscriber */
    char code[DIALECT_ADDRESS_MAX];   /* our short code; may be empty in what comes in */
    uint8_t number_ton, number_npi, code_ton, code_npi;
    uint8_t info[DIALECT_INFO_MAX];
    uint8_t info_len; /* 0: none */
    bool has_reference;
    uint16_t reference;
};

struct dialect_talk {
    enum dialect_kind kind;
    struct dialect_peer peer;
    uint8_t key[DIALECT_INFO_MAX]; /* the session's name, without the number; may be empty */
    uint8_t key_len;
};

/*
 * Is this delivery a talk that nothing but its service_type tells? One with ussd_service_op is
 * known without asking.
 */
bool dialect_claims(const struct dialect *d, const struct pdu *pdu);

/*
 * Reads a deliver_sm or data_sm and appends its text to `text` as UTF-8: what was dialled, or what
 * was answered; empty is legal. smsc_default is the alphabet of data_coding 0. ERR_BAD_INPUT: a kind
 * this dialect does not know, no session where it must have one, an address or text over its
 * ceiling; nothing may be concluded from it then.
 */
MUST_CHECK int dialect_decode(const struct dialect *d, const struct pdu *pdu,
                              enum alphabet smsc_default, struct dialect_talk *out,
                              struct buf *text, struct err *e);

/*
 * A dialogue that we begin: to this number (E.164 digits), under a name made of `session` where the
 * dialect has names. The short code is the caller's.
 */
void dialect_ring(const struct dialect *d, struct str number, uint16_t session,
                  struct dialect_talk *out);

/* A submit_sm in the making; TLVs point into it: it stays where it is. */
struct dialect_reply {
    struct dialect_peer to;
    const char *service_type; /* of the dialect */
    uint8_t octets[DIALECT_TEXT_MAX];
    size_t len;
    uint8_t coding;
    bool cut; /* the text was longer than the dialect's limit */
    uint8_t op;
    uint8_t reference[2];
    struct smpp_tlv tlvs[3];
    size_t ntlvs;
};

/* Makes one: text is UTF-8, folded to the alphabet and cut to the limit. */
void dialect_reply(const struct dialect *d, const struct dialect_peer *to, enum dialect_word word,
                   struct str text, struct dialect_reply *out);

/* Its fields, in a zeroed *sm: from the short code to the number, no receipt, no concatenation. */
void dialect_submit(const struct dialect_reply *r, struct pdu_sm *sm);

#endif
