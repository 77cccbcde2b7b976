/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A carrier's XML. Input: a path, a newline, the document. What is found keeps its ceiling.
 */
#include <stdlib.h>

#include "gateway/ussd/profile_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str path, body;
    struct profile_xml *x;
    char mem[128];
    struct buf b;

    str_cut(str_n(data, size), '\n', &path, &body);
    x = profile_xml_parse(body);
    if (!x)
        return 0;
    buf_init_fixed(&b, mem, sizeof mem);
    int found = profile_xml_value(x, path, &b);

    if (found < -1 || found > 1 || b.len > sizeof mem || (found == 0 && b.len > 0))
        abort();
    profile_xml_free(x);
    return 0;
}
