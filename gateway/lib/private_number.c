/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See private_number.h.
 */
#include "gateway/lib/private_number.h"

#include <stdio.h>

#include "gateway/lib/basenc.h"

void private_number(const struct seal_ring *ring, const struct msisdn *number,
                    char out[PRIVATE_NUMBER_MAX])
{
    struct str digits = str_c(number->digits);
    char mem[SEAL_OVERHEAD + MSISDN_MAX], hex[2 * (32 + sizeof mem) + 1],
        network[MSISDN_NETWORK_MAX + 1];
    struct buf sealed, b;
    uint8_t lookup[32];

    seal_lookup(ring, STR("phone"), digits, lookup);
    buf_init_fixed(&sealed, mem, sizeof mem);
    seal_close(ring, STR("auth.identity"), digits, &sealed);
    msisdn_network(STR_EMPTY, number, network);
    buf_init_fixed(&b, hex, sizeof hex);
    hex_encode(&b, lookup, sizeof lookup);
    hex_encode(&b, sealed.p, sealed.len);
    (void)buf_cstr(&b);
    snprintf(out, PRIVATE_NUMBER_MAX,
             "{\"lookup\":\"%.64s\",\"sealed\":\"%s\",\"key_id\":%u,\"country\":\"%s\","
             "\"network\":\"%s\",\"mark\":\"%s\"}",
             hex, hex + 64, seal_ring_id(ring, 0), number->country, network,
             digits.n > 2 ? digits.p + digits.n - 2 : "");
}
