/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an account may come from: networks as text against the address of a socket. IPv4 is compared
 * as ::ffff:a.b.c.d.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "gateway/esme/esme_parts.h"

#define V6_BITS 128u
#define V4_BITS 32u

struct network {
    struct in6_addr address;
    unsigned bits;
};

/* Bits of its own family, 0: no address. */
static unsigned address_read(const char *text, struct in6_addr *out)
{
    struct in_addr v4;

    if (inet_pton(AF_INET6, text, out) == 1)
        return V6_BITS;
    if (inet_pton(AF_INET, text, &v4) != 1)
        return 0;
    memset(out, 0, sizeof *out);
    memset(&out->s6_addr[10], 0xFF, 2);
    memcpy(&out->s6_addr[12], &v4, sizeof v4);
    return V4_BITS;
}

static bool network_read(const char *text, struct network *out)
{
    struct str address = str_c(text), bits;
    char host[INET6_ADDRSTRLEN];
    bool cut = str_cut(address, '/', &address, &bits);
    int64_t given = 0;
    unsigned own;

    if (!str_to_c(address, host, sizeof host) || (own = address_read(host, &out->address)) == 0 ||
        (cut && !str_to_i64(bits, 0, own, &given)))
        return false;
    out->bits = V6_BITS - own + (cut ? (unsigned)given : own);
    return true;
}

bool esme_network_good(const char *text)
{
    struct network n;

    return network_read(text, &n);
}

static bool holds(const struct network *n, const struct in6_addr *a)
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;
    uint8_t mask = (uint8_t)(0xFF00u >> rest);

    if (memcmp(n->address.s6_addr, a->s6_addr, whole) != 0)
        return false;
    return rest == 0 || ((n->address.s6_addr[whole] ^ a->s6_addr[whole]) & mask) == 0;
}

bool esme_address_allowed(const struct option_list *networks, const char *address)
{
    struct in6_addr a;

    if (networks->n == 0)
        return true;
    if (address_read(address, &a) == 0)
        return false;
    for (size_t i = 0; i < networks->n; i++) {
        struct network n;

        if (network_read(networks->v[i], &n) && holds(&n, &a))
            return true;
    }
    return false;
}
