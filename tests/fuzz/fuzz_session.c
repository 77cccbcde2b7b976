/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored session bytes: what decodes encodes to the same bytes, but for the time that format 2 has not.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sessions/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const uint8_t *data, size_t size, struct str now)
{
    size_t head = data[0] == 2 ? SESSION_HEADER - 4 : SESSION_HEADER;
    size_t from = data[0] == 2 ? 1 : 0;

    return now.n - SESSION_HEADER == size - head &&
           memcmp(now.p + from, data + from, head - from) == 0 &&
           memcmp(now.p + SESSION_HEADER, data + head, size - head) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ussd_session s;
    struct err e = {0};
    struct buf b;

    if (session_decode(str_n(data, size), &s, &e) != 0)
        return 0;
    buf_init(&b, SESSION_MAX);
    if (session_encode(&s, &b, &e) != 0 || !same(data, size, buf_str(&b)))
        abort();
    buf_fini(&b);
    return 0;
}
