/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a short_message with UDHI: the header's numbers are in range, the text is a view on
 * the octets, and it reads under whatever tables the header names.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "smpp/concat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pdu p;
    struct concat c;
    struct buf text;

    if (size < 1 || size > 256)
        return 0;
    pdu_start(&p, SMPP_DELIVER_SM, 0, 1);
    p.sm.esm_class = SMPP_ESM_UDHI;
    p.sm.data_coding = data[0];
    p.sm.message = str_n(data + 1, size - 1);
    concat_parse(&p, &c);
    assert(c.text.n <= size - 1);
    assert(c.text.n == 0 || c.text.p + c.text.n == (const char *)data + size);
    assert(c.width == 0 || (c.total > 0 && c.no > 0 && c.no <= c.total));
    assert(!c.bad_header || (c.width == 0 && c.text.n == size - 1));
    buf_init(&text, 4096);
    (void)alphabet_decode_shifted(alphabet_of(data[0], ALPHABET_GSM7), c.shift, c.text, &text);
    assert(utf8_valid(buf_str(&text)));
    buf_fini(&text);
    return 0;
}
