/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's alphabets as a listing, for tests/integration/test_gsm_tables.py: for each pair of
 * tables, each code alone and behind an escape, what it decodes to, whether that was clean, and the
 * septets that the character encodes to again:
 *
 *   SINGLE LOCKING ESCAPED CODE CHARACTER(hex) CLEAN SEPTETS(hex, "-": none)
 */
#include <stdio.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/gsm_shift.h"

static void print_hex(struct str s)
{
    char mem[32];
    struct buf hex;

    buf_init_fixed(&hex, mem, sizeof mem);
    hex_encode(&hex, s.p, s.n);
    printf(" %s", s.n > 0 ? buf_cstr(&hex) : "-");
}

static void print_code(struct gsm_shift t, bool escaped, uint8_t code)
{
    const uint8_t septets[] = {GSM_ESC, code};
    char text_mem[16], back_mem[16];
    struct buf text, back;
    size_t unclean;

    buf_init_fixed(&text, text_mem, sizeof text_mem);
    buf_init_fixed(&back, back_mem, sizeof back_mem);
    unclean = gsm_shift_decode(t, escaped ? septets : septets + 1, escaped ? 2 : 1, &text);
    if (!gsm_shift_encode(t, buf_str(&text), &back))
        buf_truncate(&back, 0);
    printf("%u %u %d %u", t.single, t.locking, escaped, code);
    print_hex(buf_str(&text));
    printf(" %d", unclean == 0);
    print_hex(buf_str(&back));
    printf("\n");
}

int main(void)
{
    static const struct gsm_shift tables[] = {{0, 0},
                                              {GSM_SPANISH, 0},
                                              {GSM_PORTUGUESE, 0},
                                              {0, GSM_PORTUGUESE},
                                              {GSM_PORTUGUESE, GSM_PORTUGUESE}};

    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        for (int code = 0; code < 256; code++)
            print_code(tables[i], code > 127, (uint8_t)(code & 127));
    }
    return 0;
}
