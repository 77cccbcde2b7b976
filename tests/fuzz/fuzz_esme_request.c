/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any submit_sm, data_sm or replace_sm of an ESME that decodes: it is refused with a status, or what
 * is kept of it fits a row of the outbox and, as octets, one part.
 */
#include <assert.h>
#include <stdint.h>

#include "gateway/esme/request.h"
#include "smpp/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const senders[] = {"SHOP", "2626"};
static const char *const prefixes[] = {"2"};

static void kept(const struct esme_request *r)
{
    assert(r->len <= ESME_BODY_MAX);
    assert(r->parts >= 1 && r->parts <= SEGMENT_PARTS_MAX);
    assert(r->coding < 0 || (r->parts == 1 && r->len <= SEGMENT_OCTETS));
    assert(!r->udhi || r->coding >= 0);
    assert(r->registered >= 0 && r->registered <= 3);
    assert(r->priority == 2 || r->priority == 3);
}

static void judge(const struct esme_config *c, const struct pdu *p)
{
    static struct esme_request r;

    if (p->shape == PDU_SHAPE_replace) {
        if (esme_request_replace(c, p, 1767225600, &r) == 0) {
            kept(&r);
            assert(r.coding < 0);
        }
    } else if (esme_request_read(c, p, 1767225600, &r) == 0) {
        kept(&r);
        assert(r.due_s >= 0 && r.validity_s > 0 && r.number.digits[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct esme_config c = {.name = "shop",
                            .country = "CI",
                            .validity_ms = 86400000,
                            .receipts = true,
                            .alphabet = size % 2 ? ALPHABET_GSM7 : ALPHABET_LATIN1};
    struct pdu p;
    struct err e;

    if (size < PDU_HEADER || size > PDU_MAX || pdu_decode(data, size, &p, &e) != 0 ||
        (p.shape != PDU_SHAPE_sm && p.shape != PDU_SHAPE_data && p.shape != PDU_SHAPE_replace))
        return 0;
    judge(&c, &p);
    c.senders = (struct option_list){2, senders};
    c.prefixes = (struct option_list){1, prefixes};
    judge(&c, &p);
    return 0;
}
