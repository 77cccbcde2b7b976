/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the SMPP tests: octets from hex, octets laid against an unmapped page, PDUs from their parts.
 * A read of one octet behind guarded bytes ends the test program.
 */
#ifndef COKO_TESTS_SMPP_BYTES_H
#define COKO_TESTS_SMPP_BYTES_H

#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "smpp/pdu.h"

struct guard {
    uint8_t *map;
    size_t pages; /* bytes mapped before the page that is not */
};

static inline void guard_init(struct guard *g, size_t max)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    g->pages = (max + page - 1) / page * page;
    g->map =
        mmap(NULL, g->pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(g->map != MAP_FAILED);
    if (mprotect(g->map + g->pages, page, PROT_NONE) != 0)
        abort();
}

/* A copy whose end is the end of what may be read. */
static inline const uint8_t *guard_lay(struct guard *g, const void *p, size_t n)
{
    uint8_t *at = g->map + g->pages - n;

    assert(n <= g->pages);
    if (n > 0)
        memcpy(at, p, n);
    return at;
}

static inline void guard_fini(struct guard *g)
{
    munmap(g->map, g->pages + (size_t)sysconf(_SC_PAGESIZE));
}

/* "00 0A 'text'": hex octets, spaces free, ASCII between apostrophes. */
static inline size_t from_hex(const char *hex, uint8_t *out, size_t cap)
{
    size_t n = 0;

    for (; *hex != '\0'; hex++) {
        char two[3] = {hex[0], hex[1], 0};

        if (isspace((unsigned char)*hex))
            continue;
        assert(n < cap);
        if (*hex == '\'') {
            for (hex++; *hex != '\''; hex++)
                out[n++] = (uint8_t)*hex;
            continue;
        }
        assert(isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]));
        out[n++] = (uint8_t)strtoul(two, NULL, 16);
        hex++;
    }
    return n;
}

/* A whole PDU: header with the right command_length, body from hex. */
static inline size_t make_pdu(uint8_t *out, size_t cap, uint32_t id, uint32_t status, uint32_t seq,
                              const char *body)
{
    size_t n = PDU_HEADER + from_hex(body, out + PDU_HEADER, cap - PDU_HEADER);
    uint32_t words[4] = {(uint32_t)n, id, status, seq};

    for (unsigned i = 0; i < 16; i++)
        out[i] = (uint8_t)(words[i / 4] >> (24 - i % 4 * 8));
    return n;
}

#endif
