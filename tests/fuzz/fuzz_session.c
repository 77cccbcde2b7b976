/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored session bytes: what decodes encodes to the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sessions/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ussd_session s;
    struct err e = {0};
    struct buf b;

    if (session_decode(str_n(data, size), &s, &e) != 0)
        return 0;
    buf_init(&b, SESSION_MAX);
    if (session_encode(&s, &b, &e) != 0 || b.len != size || memcmp(b.p, data, size) != 0)
        abort();
    buf_fini(&b);
    return 0;
}
