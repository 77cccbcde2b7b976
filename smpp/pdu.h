/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdu: the SMPP v3.4 wire, and the commands and TLVs of v5. Owns framing, decoding into views on the caller's bytes, encoding into a
 * struct buf, and the names of commands, statuses and TLVs. Everything is declared once in pdu.def.
 *
 * Receiving: pdu_frame until PDU_READY, pdu_decode on exactly that slice, then the fields of the
 * shape and pdu_tlv for optional ones. Sending: fill a struct pdu (pdu_start), pdu_encode.
 *
 * Tolerant where carriers are known to stray, strict elsewhere:
 *   response     the header alone completes it. No body, half a body, a string without its NUL or
 *                longer than its room, a bad TLV stream: what can be read is there, PDU_BODY_BAD or
 *                PDU_BODY_NONE is set, never an error
 *   TLV          unknown ones are kept and skipped by length; of two alike the first wins, counted;
 *                1 to 3 bytes after the last are ignored, PDU_TRAILING
 *   length       a body longer than a command without TLVs needs: ignored, PDU_TRAILING
 *   request      anything else malformed is an error, and `fault` is the status that answers it
 *
 * No malloc, no copy, no state. Views live as long as the bytes. Every read is inside the slice.
 */
#ifndef COKO_SMPP_PDU_H
#define COKO_SMPP_PDU_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/base.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/err.h"
#include "gateway/lib/str.h"
#include "smpp/pdu.def"

#define PDU_HEADER      16u
#define PDU_MAX         (65536u + 1024u) /* a full message_payload and everything before it */
#define PDU_MAX_UNBOUND 4096u            /* before authentication nobody needs more */
#define PDU_RESP        0x80000000u      /* bit of every response's command id */

/* esm_class, v3.4 5.2.12 */
#define SMPP_ESM_UDHI         0x40
#define SMPP_ESM_TYPE_MASK    0x3C
#define SMPP_ESM_RECEIPT      0x04 /* SMSC delivery receipt */
#define SMPP_ESM_ACK          0x08 /* SME delivery acknowledgement */
#define SMPP_ESM_INTERMEDIATE 0x20 /* intermediate notification */

#define SMPP_VERSION_34 0x34

enum smpp_command {
#define X(symbol, name, id, shape, tlvs) SMPP_##symbol = id,
    SMPP_COMMANDS(X)
#undef X
};

enum smpp_status {
#define X(symbol, value, class, text) SMPP_##symbol = value,
    SMPP_STATUSES(X)
#undef X
};

enum smpp_tag {
#define X(symbol, name, tag) SMPP_TAG_##symbol = tag,
    SMPP_TAGS(X)
#undef X
};

/* What to do with a message that got this status; pdu.def says what each means. */
enum smpp_class {
    SMPP_CLASS_OK,
    SMPP_CLASS_RETRY,
    SMPP_CLASS_ONCE,
    SMPP_CLASS_THROTTLE,
    SMPP_CLASS_DEFER,
    SMPP_CLASS_PERMANENT,
    SMPP_CLASS_ROUTE,
    SMPP_CLASS_VENDOR
};

enum pdu_shape {
    PDU_SHAPE_empty,
#define X(name, fields) PDU_SHAPE_##name,
    SMPP_SHAPES(X)
#undef X
        PDU_SHAPES
};

/* How many, and their octets: read with pdu_dest_next or pdu_failed_next. */
struct pdu_list {
    uint8_t count;
    struct str entries;
};

#define PDU_LIST_MAX 254 /* v3.4 5.2.24 */

/* struct pdu_bind, struct pdu_sm ...: a C-octet string is a view without its NUL. */
#define PDU_MEMBER_STR(shape, field, room, status) struct str field;
#define PDU_MEMBER_U8(shape, field)                uint8_t field;
#define PDU_MEMBER_MSG(shape, length, field)       struct str field;
#define PDU_MEMBER_LIST(shape, length, field, of)  struct pdu_list field;
#define X(name, fields)                                                                            \
    struct pdu_##name {                                                                            \
        fields(PDU_MEMBER_STR, PDU_MEMBER_U8, PDU_MEMBER_MSG, PDU_MEMBER_LIST, name)               \
    };
SMPP_SHAPES(X)
#undef X

enum pdu_flag {
    PDU_BODY_NONE = 1, /* response without a body */
    PDU_BODY_BAD = 2,  /* response whose body could be read in part */
    PDU_TRAILING = 4,  /* bytes after the last field or TLV were ignored */
};

struct pdu {
    uint32_t length; /* command_length as received */
    uint32_t id;
    uint32_t status;
    uint32_t seq;            /* any 32-bit value from a peer: echo it as it is */
    uint32_t fault;          /* after a failed decode: the status that answers this request */
    uint8_t shape;           /* enum pdu_shape: which member of the union is set */
    uint8_t flags;           /* enum pdu_flag */
    uint16_t duplicate_tlvs; /* among the first 32 TLVs */
    struct str tlvs;         /* the well-formed TLV stream */
    union {
#define X(name, fields) struct pdu_##name name;
        SMPP_SHAPES(X)
#undef X
    };
};

struct smpp_tlv {
    uint16_t tag;
    struct str value;
};

enum pdu_framing {
    PDU_MORE,      /* the rest has not arrived */
    PDU_READY,     /* *length bytes are one PDU */
    PDU_BAD_LENGTH /* below 16 or above max: answer SMPP_RINVCMDLEN, sequence 0, close (5.1) */
};

/* Is there a whole PDU at p? *length is its command_length (0 while fewer than 4 bytes came). */
enum pdu_framing pdu_frame(const uint8_t *p, size_t n, size_t max, size_t *length);

/* Decode one frame of exactly n >= 16 bytes. -1: a malformed or unknown request; the header fields
 * and out->fault are set all the same. A response of a known command never fails; an unknown one
 * does, with fault 0: count it, never answer it. */
MUST_CHECK int pdu_decode(const uint8_t *p, size_t n, struct pdu *out, struct err *e);

/* An all-zero PDU of this command, ready to be filled and encoded. The command must be of
 * pdu.def. */
void pdu_start(struct pdu *p, uint32_t id, uint32_t status, uint32_t seq);

/* Append the PDU with count TLVs, command_length computed. A response with a status is written
 * without body (v3.4 4.4.2), TLVs or not. -1 and an unchanged out: a string too long or with a NUL
 * inside, more than 255 octets of short_message, a TLV over 65535, a PDU over PDU_MAX, or out is
 * full. */
MUST_CHECK int pdu_encode(struct buf *out, const struct pdu *p, const struct smpp_tlv *tlvs,
                          size_t count, struct err *e);

/* Writes the sequence number into the PDU that begins at byte start of out. */
void pdu_set_seq(struct buf *out, size_t start, uint32_t seq);

/* Append a bare header: enquire_link, unbind, generic_nack, any response that carries an error. A
 * failure sticks in out. */
void pdu_encode_header(struct buf *out, uint32_t id, uint32_t status, uint32_t seq);

/* The next TLV of *rest (start with pdu.tlvs); false at the end or where the stream breaks. */
bool pdu_tlv_next(struct str *rest, struct smpp_tlv *out);

/* The first TLV with this tag. */
bool pdu_tlv(const struct pdu *p, uint16_t tag, struct str *value);

/* The first TLV with this tag as a big-endian number of 1 to 4 octets; false: absent or another
 * size. */
bool pdu_tlv_number(const struct pdu *p, uint16_t tag, uint32_t *value);

/* One destination of submit_multi. */
struct pdu_dest {
    bool is_list; /* address is the name of a distribution list; else of an SME */
    uint8_t ton, npi;
    struct str address;
};

/* One that submit_multi could not be sent to. */
struct pdu_failed {
    uint8_t ton, npi;
    struct str address;
    uint32_t status;
};

/* The next entry of *rest (start with list.entries); false at the end. */
bool pdu_dest_next(struct str *rest, struct pdu_dest *out);
bool pdu_failed_next(struct str *rest, struct pdu_failed *out);

/* Appends an entry to a list that is to be sent; its octets stay in store, which holds nothing else.
 * -1: the list is full, or the address does not fit. */
MUST_CHECK int pdu_dest_add(struct pdu_list *list, struct buf *store, const struct pdu_dest *d,
                            struct err *e);
MUST_CHECK int pdu_failed_add(struct pdu_list *list, struct buf *store, const struct pdu_failed *f,
                              struct err *e);

/* Text octets of shapes sm, multi and data: short_message, else message_payload, else empty. *twice (may
 * be NULL) tells that both hold octets, which 3.2.3 forbids. */
struct str pdu_text(const struct pdu *p, bool *twice);

static inline bool pdu_is_response(uint32_t id)
{
    return (id & PDU_RESP) != 0;
}

/* One field of a shape, for those who print or compare whole PDUs. */
struct pdu_field {
    const char *name;
    const char *count_name; /* PDU_LIST */
    enum { PDU_STR, PDU_U8, PDU_MSG, PDU_LIST } kind;
    enum { PDU_DEST, PDU_FAILED } entry; /* PDU_LIST */
    uint16_t offset;                     /* in struct pdu */
    uint16_t room;                       /* PDU_STR: octets with the NUL */
    uint32_t status;                     /* PDU_STR: answer to a longer one */
};

/* The fields of a shape in wire order. */
const struct pdu_field *pdu_fields(unsigned shape, size_t *count);

/* "submit_sm"; "unknown" outside pdu.def. */
const char *smpp_command_name(uint32_t id);

/* "RTHROTTLED" and its sentence; "unknown", "vendor" (0x400-0x4FF). */
const char *smpp_status_name(uint32_t status);
const char *smpp_status_text(uint32_t status);

/* Class of a status; the whole of 0x40-0x43, 0x48-0x51 and 0xC0-0xC4 is permanent, what is not
 * known is SMPP_CLASS_VENDOR. */
enum smpp_class smpp_status_class(uint32_t status);
const char *smpp_class_name(enum smpp_class class);

/* "message_payload"; "unknown" outside pdu.def. */
const char *smpp_tag_name(uint16_t tag);

#endif
