/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the text of a receipt, and as an id: normalising twice is normalising once. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "smpp/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char once[RECEIPT_ID_MAX], twice[RECEIPT_ID_MAX];
    struct receipt r;
    struct err e;

    if (receipt_parse_text(str_n(data, size), &r, &e) == 0) {
        assert(r.id_count > 0 && r.id_count <= RECEIPT_IDS);
        assert(r.state <= RECEIPT_SKIPPED);
    }
    for (unsigned i = 0; i < r.id_count; i++)
        assert(r.ids[i][0] != '\0' && strlen(r.ids[i]) < RECEIPT_ID_MAX);
    if (memchr(data, 0, size) == NULL) {
        receipt_normal_id(str_n(data, size), once);
        receipt_normal_id(str_c(once), twice);
        assert(strcmp(once, twice) == 0);
    }
    return 0;
}
