/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See reader_code.h.
 */
#include "gateway/lib/reader_code.h"

#include "gateway/lib/basenc.h"

bool reader_code_read(struct str typed, char out[READER_CODE_MAX + 1])
{
    size_t n = 0;

    typed = str_trim(typed);
    for (size_t i = 0; i < typed.n; i++) {
        char c = typed.p[i];

        if (c == ' ' || c == '-')
            continue;
        if (c < '0' || c > '9' || n == READER_CODE_MAX) {
            n = 0;
            break;
        }
        out[n++] = c;
    }
    if (n < READER_CODE_MIN) {
        crypto_wipe(out, READER_CODE_MAX + 1);
        return false;
    }
    out[n] = '\0';
    return true;
}

void reader_code_macs(const struct seal_ring *ring, struct str code, char out[READER_CODE_MACS_MAX])
{
    reader_secret_macs(ring, STR("reader.code"), code, out);
}

void reader_secret_macs(const struct seal_ring *ring, struct str domain, struct str secret,
                        char out[READER_CODE_MACS_MAX])
{
    struct buf b;
    uint8_t mac[32];

    buf_init_fixed(&b, out, READER_CODE_MACS_MAX);
    buf_addc(&b, '{');
    for (size_t i = 0; i < seal_ring_count(ring); i++) {
        seal_mac_at(ring, i, SEAL_TOKEN, domain, secret, mac);
        buf_puts(&b, i ? ",\"\\\\x" : "\"\\\\x");
        hex_encode(&b, mac, sizeof mac);
        buf_addc(&b, '"');
    }
    buf_addc(&b, '}');
    (void)buf_cstr(&b);
}
