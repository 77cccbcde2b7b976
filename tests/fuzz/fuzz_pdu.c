/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as one PDU: framing, decoding, TLVs, concatenation, text, receipt. What decodes
 * cleanly and fits our own limits must encode to the same bytes.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smpp/concat.h"
#include "smpp/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_message(const struct pdu *p)
{
    struct receipt r;
    struct concat c;
    struct buf text;
    struct err e;

    concat_parse(p, &c);
    buf_init(&text, 1u << 20);
    (void)alphabet_decode(
        alphabet_of(p->shape == PDU_SHAPE_sm ? p->sm.data_coding : p->data.data_coding,
                    ALPHABET_GSM7),
        c.text, &text);
    buf_fini(&text);
    (void)receipt_is(p);
    if (receipt_parse(p, &r, &e) == 0)
        assert(r.state != RECEIPT_UNREADABLE);
}

/* Every entry that was counted can be read, and no more. */
static void walk_lists(const struct pdu *p)
{
    struct pdu_failed failed;
    struct pdu_dest dest;
    unsigned count = 0;

    if (p->shape == PDU_SHAPE_multi) {
        for (struct str rest = p->multi.dests.entries; pdu_dest_next(&rest, &dest);)
            count++;
        assert(count == p->multi.dests.count);
    }
    if (p->shape == PDU_SHAPE_multi_resp) {
        for (struct str rest = p->multi_resp.failed.entries; pdu_failed_next(&rest, &failed);)
            count++;
        assert(count == p->multi_resp.failed.count);
    }
}

static void encodes_again(const struct pdu *p, const uint8_t *data, size_t size)
{
    static struct smpp_tlv tlvs[PDU_MAX / 4];
    struct str rest = p->tlvs;
    struct buf out;
    struct err e;
    size_t count = 0;

    while (pdu_tlv_next(&rest, &tlvs[count]))
        count++;
    buf_init(&out, 2 * PDU_MAX);
    if (pdu_encode(&out, p, tlvs, count, &e) == 0) {
        assert(out.len == size);
        assert(memcmp(out.p + 4, data + 4, size - 4) == 0);
    }
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pdu p;
    struct err e;
    size_t length;

    if (pdu_frame(data, size, PDU_MAX, &length) == PDU_READY)
        size = length;
    if (size < PDU_HEADER || size > PDU_MAX)
        return 0;
    if (pdu_decode(data, size, &p, &e) != 0) {
        assert(pdu_is_response(p.id) || p.fault != 0);
        return 0;
    }
    if (p.shape == PDU_SHAPE_sm || p.shape == PDU_SHAPE_data)
        read_message(&p);
    walk_lists(&p);
    if (p.flags == 0 && !(pdu_is_response(p.id) && p.status != 0))
        encodes_again(&p, data, size);
    return 0;
}
