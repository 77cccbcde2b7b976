/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts in any order from any bind: sets and bytes stay under their ceilings, what is complete is
 * UTF-8, and nothing is left behind at the end.
 *
 * The input is a row of parts: an octet of choices (account, alphabet, whether time passes), a
 * length, the octets of the part, header first.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "smpp/concat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct reassembly_config limits = {.max_sets = 5, .max_bytes = 300, .ttl_ms = 100};

static void add(struct reassembly *r, uint8_t choices, struct str octets, int64_t now)
{
    static const uint8_t codings[] = {0, 3, 8, 4};
    struct buf text;
    struct concat c;
    struct pdu p;

    pdu_start(&p, SMPP_DELIVER_SM, 0, 1);
    p.sm.source = choices & 1 ? STR("22177000001") : STR("22177000002");
    p.sm.dest = STR("2626");
    p.sm.esm_class = SMPP_ESM_UDHI;
    p.sm.data_coding = codings[choices >> 2 & 3];
    p.sm.message = octets;
    concat_parse(&p, &c);
    if (c.width == 0)
        return;
    buf_init(&text, 4096);
    if (reassembly_add(r, choices & 2 ? STR("a") : STR("b"), &p, &c,
                       alphabet_of(p.sm.data_coding, ALPHABET_GSM7), now,
                       &text) != REASSEMBLY_COMPLETE)
        assert(text.len == 0);
    assert(utf8_valid(buf_str(&text)));
    assert(r->bytes <= limits.max_bytes && r->sets.count <= limits.max_sets);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reassembly r;
    int64_t now = 0;

    reassembly_init(&r, &limits);
    while (size >= 2) {
        size_t n = MIN((size_t)data[1], size - 2);

        now += data[0] & 0x10 ? 60 : 1;
        add(&r, data[0], str_n(data + 2, n), now);
        data += 2 + n;
        size -= 2 + n;
    }
    (void)reassembly_expire(&r, now + limits.ttl_ms);
    assert(r.bytes == 0 && r.sets.count == 0);
    reassembly_fini(&r);
    return 0;
}
