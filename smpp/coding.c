/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See coding.h.
 */
#include "smpp/coding.h"

#define PART_OCTETS 140
#define IE_SINGLE   0x24
#define IE_LOCKING  0x25

/* Characters of a text up to top, or -1. */
static ssize_t count_up_to(struct str text, int32_t top)
{
    ssize_t n = 0;

    for (; text.n > 0; n++) {
        int32_t cp = utf8_next(&text);

        if (cp == UTF8_BAD || cp > top)
            return -1;
    }
    return n;
}

static int32_t top_of(enum alphabet a)
{
    return a == ALPHABET_ASCII ? 0x7F : 0xFF;
}

ssize_t coding_units(const struct coding *c, struct str text)
{
    if (c->air == ALPHABET_UCS2)
        return (ssize_t)ucs2_units(text);
    if (c->wire != ALPHABET_GSM7 && count_up_to(text, top_of(c->wire)) < 0)
        return -1;
    return c->air == ALPHABET_GSM7 ? gsm_shift_septets(c->shift, text) : count_up_to(text, 0xFF);
}

size_t coding_room(const struct coding *c, size_t header)
{
    size_t octets = PART_OCTETS - header;

    switch (c->air) {
    case ALPHABET_GSM7: return octets * 8 / 7;
    case ALPHABET_UCS2: return octets / 2;
    default: return octets;
    }
}

static size_t cut_characters(struct str text, size_t room)
{
    struct str rest = text;

    while (rest.n > 0 && room-- > 0)
        (void)utf8_next(&rest);
    return text.n - rest.n;
}

size_t coding_cut(const struct coding *c, struct str text, size_t room)
{
    switch (c->air) {
    case ALPHABET_GSM7: return gsm_shift_cut(c->shift, text, room);
    case ALPHABET_UCS2: return ucs2_cut(text, room);
    default: return cut_characters(text, room);
    }
}

void coding_put(const struct coding *c, struct str text, struct buf *out)
{
    if (c->wire == ALPHABET_UCS2) {
        ucs2_encode(text, out);
    } else if (c->wire == ALPHABET_GSM7) {
        if (!gsm_shift_encode(c->shift, text, out) && out->failed == ERR_OK)
            out->failed = ERR_BAD_INPUT;
    } else {
        while (text.n > 0)
            buf_addc(out, (char)utf8_next(&text));
    }
}

size_t coding_shift_octets(const struct coding *c)
{
    return (c->shift.single ? 3U : 0U) + (c->shift.locking ? 3U : 0U);
}

static uint8_t *put_element(uint8_t *at, uint8_t id, uint8_t language)
{
    *at++ = id;
    *at++ = 1;
    *at++ = language;
    return at;
}

size_t coding_shift_header(const struct coding *c, uint8_t *out)
{
    uint8_t *at = out;

    if (c->shift.single)
        at = put_element(at, IE_SINGLE, c->shift.single);
    if (c->shift.locking)
        at = put_element(at, IE_LOCKING, c->shift.locking);
    return (size_t)(at - out);
}
