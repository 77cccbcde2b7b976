/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a signature header and body. Input: the header, a newline, the body. Nobody who
 * lacks the secret is believed under any scheme, and what we sign ourselves always is.
 */
#include <assert.h>
#include <stdlib.h>

#include "gateway/lib/base.h"
#include "gateway/money/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not in the seeds: a good header here would be a forgery. */
static const struct str secret = STR_INIT("a secret that no input was signed with");

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str header, body;
    char mem[SIGNATURE_HEADER_MAX];
    struct buf b;

    str_cut(str_n(data, size), '\n', &header, &body);
    for (unsigned s = 0; s < SIGNATURE_SCHEMES; s++) {
        for (int64_t now = 0; now <= 1700000000; now += 1700000000)
            assert(signature_verify(s, header, body, secret, STR_EMPTY, now) != SIGNATURE_GOOD);
        buf_init_fixed(&b, mem, sizeof mem);
        signature_make(s, body, secret, (int64_t)size, &b);
        assert(signature_verify(s, buf_str(&b), body, STR_EMPTY, secret, (int64_t)size) ==
               SIGNATURE_GOOD);
        assert(signature_verify(1 - s, buf_str(&b), body, secret, STR_EMPTY, (int64_t)size) ==
               SIGNATURE_WRONG);
    }
    return 0;
}
