/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of fields a shape, made from pdu.def; one reader and one writer walk it. The reader
 * works on a `struct str` that shrinks from the front, so no read can leave the slice. The writer
 * appends and takes everything back at the first fault.
 */
#include <assert.h>
#include <string.h>

#include "smpp/pdu_list.h"

#define SEEN_TLVS 32 /* tags remembered to count duplicates */

/* ---- tables made from pdu.def ---------------------------------------------------------------- */

#define ROW_STR(shape, field, size, code)                                                          \
    {.name = #field,                                                                               \
     .kind = PDU_STR,                                                                              \
     .offset = offsetof(struct pdu, shape.field),                                                  \
     .room = size,                                                                                 \
     .status = code},
#define ROW_U8(shape, field)                                                                       \
    {.name = #field, .kind = PDU_U8, .offset = offsetof(struct pdu, shape.field)},
#define ROW_MSG(shape, length, field)                                                              \
    {.name = #field, .kind = PDU_MSG, .offset = offsetof(struct pdu, shape.field)},
#define ROW_LIST(shape, length, field, of)                                                         \
    {.name = #field,                                                                               \
     .count_name = #length,                                                                        \
     .kind = PDU_LIST,                                                                             \
     .entry = PDU_##of,                                                                            \
     .offset = offsetof(struct pdu, shape.field)},
#define X(name, fields)                                                                            \
    static const struct pdu_field fields_##name[] = {                                              \
        fields(ROW_STR, ROW_U8, ROW_MSG, ROW_LIST, name)};
SMPP_SHAPES(X)
#undef X

static const struct shape {
    const struct pdu_field *fields;
    size_t count;
} shapes[PDU_SHAPES] = {
#define X(name, fields) [PDU_SHAPE_##name] = {fields_##name, ARRAY_LEN(fields_##name)},
    SMPP_SHAPES(X)
#undef X
};

static const struct command {
    uint32_t id;
    uint8_t shape;
    bool tlvs;
    const char *name;
} commands[] = {
#define X(symbol, text, value, body, may) {value, PDU_SHAPE_##body, may, text},
    SMPP_COMMANDS(X)
#undef X
};

static const struct command *find_command(uint32_t id)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].id == id)
            return &commands[i];
    return NULL;
}

const struct pdu_field *pdu_fields(unsigned shape, size_t *count)
{
    assert(shape < PDU_SHAPES);
    *count = shapes[shape].count;
    return shapes[shape].fields;
}

const char *smpp_command_name(uint32_t id)
{
    const struct command *c = find_command(id);

    return c ? c->name : "unknown";
}

/* ---- numbers --------------------------------------------------------------------------------- */

static uint32_t get_number(const char *at, size_t octets)
{
    uint32_t v = 0;

    for (size_t i = 0; i < octets; i++)
        v = v << 8 | (uint8_t)at[i];
    return v;
}

static void put_number(char *at, size_t octets, uint32_t v)
{
    while (octets-- > 0) {
        at[octets] = (char)(uint8_t)v;
        v >>= 8;
    }
}

/* ---- framing and reading --------------------------------------------------------------------- */

enum pdu_framing pdu_frame(const uint8_t *p, size_t n, size_t max, size_t *length)
{
    *length = 0;
    if (n < 4)
        return PDU_MORE;
    *length = get_number((const char *)p, 4);
    if (*length < PDU_HEADER || *length > max)
        return PDU_BAD_LENGTH;
    return n < *length ? PDU_MORE : PDU_READY;
}

static void *field_at(struct pdu *p, const struct pdu_field *f)
{
    return (char *)p + f->offset;
}

static const void *field_of(const struct pdu *p, const struct pdu_field *f)
{
    return (const char *)p + f->offset;
}

/* Views that are never read still point somewhere. */
static void blank_views(struct pdu *p)
{
    const struct shape *shape = &shapes[p->shape];

    p->tlvs = STR_EMPTY;
    for (size_t i = 0; i < shape->count; i++) {
        void *at = field_at(p, &shape->fields[i]);

        if (shape->fields[i].kind == PDU_LIST)
            ((struct pdu_list *)at)->entries = STR_EMPTY;
        else if (shape->fields[i].kind != PDU_U8)
            *(struct str *)at = STR_EMPTY;
    }
}

/* A fault of a request stops its decoding; of a response it only leaves its mark. */
static int stray(struct pdu *p, uint32_t status, const char *what, struct err *e)
{
    if (pdu_is_response(p->id)) {
        p->flags |= PDU_BODY_BAD;
        return 0;
    }
    p->fault = status;
    return err_set(e, ERR_PROTOCOL, "%s: %s", smpp_command_name(p->id), what);
}

static int read_str(struct pdu *p, const struct pdu_field *f, struct str *rest, struct err *e)
{
    struct str *value = field_at(p, f);
    ptrdiff_t nul = str_find_char(*rest, '\0');

    if (nul < 0) {
        *value = *rest;
        *rest = str_skip(*rest, rest->n);
        return stray(p, f->status, "a string does not end", e);
    }
    *value = str_head(*rest, (size_t)nul);
    *rest = str_skip(*rest, (size_t)nul + 1);
    if ((size_t)nul >= f->room)
        return stray(p, f->status, "a string is too long", e);
    return 0;
}

static int read_u8(struct pdu *p, const struct pdu_field *f, struct str *rest, struct err *e)
{
    if (rest->n == 0)
        return stray(p, SMPP_RINVCMDLEN, "the body ends early", e);
    *(uint8_t *)field_at(p, f) = (uint8_t)rest->p[0];
    *rest = str_skip(*rest, 1);
    return 0;
}

static int read_message(struct pdu *p, const struct pdu_field *f, struct str *rest, struct err *e)
{
    size_t n;

    if (rest->n == 0)
        return stray(p, SMPP_RINVCMDLEN, "the body ends early", e);
    n = (uint8_t)rest->p[0];
    *rest = str_skip(*rest, 1);
    if (n > rest->n)
        return stray(p, SMPP_RINVMSGLEN, "sm_length is more than the body holds", e);
    *(struct str *)field_at(p, f) = str_head(*rest, n);
    *rest = str_skip(*rest, n);
    return 0;
}

/* Reads over one entry: 0, or the status that answers it. */
static uint32_t skip_entry(const struct pdu_field *f, struct str *rest)
{
    struct pdu_failed failed;
    struct pdu_dest dest;

    if (f->entry == PDU_DEST)
        return pdu_entry_dest(rest, &dest);
    return pdu_entry_failed(rest, &failed);
}

/* How many of the list's octets are whole entries, at most max of them; *status: what ends it. */
static struct pdu_list read_entries(const struct pdu_field *f, struct str octets, size_t max,
                                    uint32_t *status)
{
    struct pdu_list list = {.count = 0};
    struct str rest = octets;

    *status = 0;
    while (list.count < max && (*status = skip_entry(f, &rest)) == 0)
        list.count++;
    list.entries = str_head(octets, octets.n - rest.n);
    return list;
}

static bool fits_list(const struct pdu_field *f, size_t n)
{
    return n <= PDU_LIST_MAX && (n > 0 || f->entry == PDU_FAILED);
}

static int read_list(struct pdu *p, const struct pdu_field *f, struct str *rest, struct err *e)
{
    struct pdu_list *list = field_at(p, f);
    uint32_t status;
    size_t n;

    if (rest->n == 0)
        return stray(p, SMPP_RINVCMDLEN, "the body ends early", e);
    n = (uint8_t)rest->p[0];
    *rest = str_skip(*rest, 1);
    if (!fits_list(f, n))
        return stray(p, SMPP_RINVNUMDESTS, "an impossible number of addresses", e);
    *list = read_entries(f, *rest, n, &status);
    *rest = str_skip(*rest, status == 0 ? list->entries.n : rest->n); /* what follows is lost */
    return status == 0 ? 0 : stray(p, status, "a list breaks off", e);
}

static int read_field(struct pdu *p, const struct pdu_field *f, struct str *rest, struct err *e)
{
    switch (f->kind) {
    case PDU_STR: return read_str(p, f, rest, e);
    case PDU_U8: return read_u8(p, f, rest, e);
    case PDU_MSG: return read_message(p, f, rest, e);
    case PDU_LIST: break;
    }
    return read_list(p, f, rest, e);
}

static int read_fields(struct pdu *p, struct str *rest, struct err *e)
{
    const struct shape *shape = &shapes[p->shape];

    for (size_t i = 0; i < shape->count; i++) {
        if (read_field(p, &shape->fields[i], rest, e) != 0)
            return -1;
    }
    return 0;
}

bool pdu_tlv_next(struct str *rest, struct smpp_tlv *out)
{
    size_t n;

    if (rest->n < 4)
        return false;
    n = get_number(rest->p + 2, 2);
    if (n > rest->n - 4)
        return false;
    out->tag = (uint16_t)get_number(rest->p, 2);
    out->value = str_n(rest->p + 4, n);
    *rest = str_skip(*rest, 4 + n);
    return true;
}

/* Walks the stream once: sets its well-formed part, counts duplicates, judges what is left over. */
static int read_tlvs(struct pdu *p, struct str rest, struct err *e)
{
    struct str all = rest;
    struct smpp_tlv tlv;
    uint16_t seen[SEEN_TLVS];
    size_t count = 0;

    while (pdu_tlv_next(&rest, &tlv)) {
        for (size_t i = 0; i < count; i++) {
            if (seen[i] == tlv.tag) {
                p->duplicate_tlvs++;
                break;
            }
        }
        if (count < SEEN_TLVS)
            seen[count++] = tlv.tag;
    }
    p->tlvs = str_head(all, all.n - rest.n);
    if (rest.n >= 4)
        return stray(p, SMPP_RINVOPTPARSTREAM, "a TLV is longer than the body", e);
    if (rest.n > 0)
        p->flags |= PDU_TRAILING;
    return 0;
}

static int read_body(struct pdu *p, const struct command *c, struct str rest, struct err *e)
{
    p->shape = c->shape;
    blank_views(p);
    if (rest.n == 0 && pdu_is_response(p->id)) {
        if (c->shape != PDU_SHAPE_empty)
            p->flags |= PDU_BODY_NONE;
        return 0;
    }
    if (read_fields(p, &rest, e) != 0)
        return -1;
    if (c->tlvs)
        return read_tlvs(p, rest, e);
    if (rest.n > 0)
        p->flags |= PDU_TRAILING;
    return 0;
}

int pdu_decode(const uint8_t *bytes, size_t n, struct pdu *out, struct err *e)
{
    const char *at = (const char *)bytes;
    const struct command *c;

    assert(n >= PDU_HEADER);
    memset(out, 0, sizeof *out);
    out->length = get_number(at, 4);
    out->id = get_number(at + 4, 4);
    out->status = get_number(at + 8, 4);
    out->seq = get_number(at + 12, 4);
    out->tlvs = STR_EMPTY;
    c = find_command(out->id);
    if (c != NULL)
        return read_body(out, c, str_n(at + PDU_HEADER, n - PDU_HEADER), e);
    out->fault = pdu_is_response(out->id) ? 0 : SMPP_RINVCMDID;
    return err_set(e, ERR_PROTOCOL, "unknown command 0x%08X", (unsigned)out->id);
}

bool pdu_tlv(const struct pdu *p, uint16_t tag, struct str *value)
{
    struct str rest = p->tlvs;
    struct smpp_tlv tlv;

    while (pdu_tlv_next(&rest, &tlv)) {
        if (tlv.tag == tag) {
            *value = tlv.value;
            return true;
        }
    }
    return false;
}

bool pdu_tlv_number(const struct pdu *p, uint16_t tag, uint32_t *value)
{
    struct str octets;

    if (!pdu_tlv(p, tag, &octets) || octets.n < 1 || octets.n > 4)
        return false;
    *value = get_number(octets.p, octets.n);
    return true;
}

struct str pdu_text(const struct pdu *p, bool *twice)
{
    struct str text = p->shape == PDU_SHAPE_sm      ? p->sm.message
                      : p->shape == PDU_SHAPE_multi ? p->multi.message
                                                    : STR_EMPTY;
    struct str payload = STR_EMPTY;

    if (!pdu_tlv(p, SMPP_TAG_MESSAGE_PAYLOAD, &payload))
        payload = STR_EMPTY;
    if (twice != NULL)
        *twice = text.n > 0 && payload.n > 0;
    return text.n > 0 ? text : payload;
}

/* ---- writing --------------------------------------------------------------------------------- */

void pdu_start(struct pdu *p, uint32_t id, uint32_t status, uint32_t seq)
{
    const struct command *c = find_command(id);

    assert(c != NULL);
    memset(p, 0, sizeof *p);
    p->id = id;
    p->status = status;
    p->seq = seq;
    p->shape = c->shape;
    blank_views(p);
}

void pdu_encode_header(struct buf *out, uint32_t id, uint32_t status, uint32_t seq)
{
    char *at = buf_reserve(out, PDU_HEADER);

    if (at == NULL)
        return;
    put_number(at, 4, PDU_HEADER);
    put_number(at + 4, 4, id);
    put_number(at + 8, 4, status);
    put_number(at + 12, 4, seq);
    buf_advance(out, PDU_HEADER);
}

void pdu_set_seq(struct buf *out, size_t start, uint32_t seq)
{
    assert(start + PDU_HEADER <= out->len);
    put_number(out->p + start + 12, 4, seq);
}

static int write_str(struct buf *out, const struct pdu_field *f, struct str s, struct err *e)
{
    if (s.n >= f->room)
        return err_set(e, ERR_TOO_BIG, "%s: %zu octets, room for %u", f->name, s.n, f->room - 1u);
    if (s.n > 0 && memchr(s.p, '\0', s.n) != NULL)
        return err_set(e, ERR_BAD_INPUT, "%s: a NUL inside", f->name);
    buf_adds(out, s);
    buf_addc(out, '\0');
    return 0;
}

static int write_message(struct buf *out, const struct pdu_field *f, struct str s, struct err *e)
{
    if (s.n > 255)
        return err_set(e, ERR_TOO_BIG, "%s: %zu octets, room for 255", f->name, s.n);
    buf_addc(out, (char)(uint8_t)s.n);
    buf_adds(out, s);
    return 0;
}

static int write_list(struct buf *out, const struct pdu_field *f, const struct pdu_list *list,
                      struct err *e)
{
    uint32_t status;
    struct pdu_list whole = read_entries(f, list->entries, list->count, &status);

    if (!fits_list(f, list->count))
        return err_set(e, ERR_TOO_BIG, "%s: %u", f->count_name, list->count);
    if (status != 0 || whole.entries.n != list->entries.n)
        return err_set(e, ERR_BAD_INPUT, "%s: not %u entries", f->name, list->count);
    buf_addc(out, (char)list->count);
    buf_adds(out, list->entries);
    return 0;
}

static int write_fields(struct buf *out, const struct pdu *p, struct err *e)
{
    const struct shape *shape = &shapes[p->shape];

    for (size_t i = 0; i < shape->count; i++) {
        const struct pdu_field *f = &shape->fields[i];
        int rc = 0;

        if (f->kind == PDU_STR)
            rc = write_str(out, f, *(const struct str *)field_of(p, f), e);
        else if (f->kind == PDU_MSG)
            rc = write_message(out, f, *(const struct str *)field_of(p, f), e);
        else if (f->kind == PDU_LIST)
            rc = write_list(out, f, field_of(p, f), e);
        else
            buf_addc(out, (char)*(const uint8_t *)field_of(p, f));
        if (rc != 0)
            return -1;
    }
    return 0;
}

static int write_tlvs(struct buf *out, const struct smpp_tlv *tlvs, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        char head[4];

        if (tlvs[i].value.n > UINT16_MAX)
            return err_set(e, ERR_TOO_BIG, "%s: %zu octets", smpp_tag_name(tlvs[i].tag),
                           tlvs[i].value.n);
        put_number(head, 2, tlvs[i].tag);
        put_number(head + 2, 2, (uint32_t)tlvs[i].value.n);
        buf_add(out, head, sizeof head);
        buf_adds(out, tlvs[i].value);
    }
    return 0;
}

static int write_body(struct buf *out, const struct pdu *p, const struct smpp_tlv *tlvs,
                      size_t count, struct err *e)
{
    if (pdu_is_response(p->id) && p->status != 0)
        return 0;
    if (write_fields(out, p, e) != 0)
        return -1;
    return write_tlvs(out, tlvs, count, e);
}

int pdu_encode(struct buf *out, const struct pdu *p, const struct smpp_tlv *tlvs, size_t count,
               struct err *e)
{
    size_t start = out->len;

    if (buf_check(out, e) != 0)
        return -1;
    pdu_encode_header(out, p->id, p->status, p->seq);
    if (write_body(out, p, tlvs, count, e) != 0)
        goto undo;
    if (buf_check(out, e) != 0)
        goto undo;
    if (out->len - start > PDU_MAX) {
        (void)err_set(e, ERR_TOO_BIG, "%s: %zu octets", smpp_command_name(p->id), out->len - start);
        goto undo;
    }
    put_number(out->p + start, 4, (uint32_t)(out->len - start));
    return 0;
undo:
    out->failed = ERR_OK;
    buf_truncate(out, start);
    return -1;
}
