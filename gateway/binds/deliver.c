/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the carrier delivers, sorted: a receipt, talk over USSD, a text, or one to a number of another
 * system's. Each has one sink; without one the carrier is told to come back later, for a text, or that
 * nobody wants it.
 */
#include "gateway/binds/binds_parts.h"
#include "gateway/lib/counter.h"
#include "smpp/receipt.h"

static struct counter delivered = COUNTER("coko_smpp_delivered_total", "Deliveries by kind");

static const char *const kinds[] = {[BIND_RECEIPT] = "kind=\"receipt\"",
                                    [BIND_TEXT] = "kind=\"text\"",
                                    [BIND_TALK_IN] = "kind=\"ussd\"",
                                    [BIND_FORWARD] = "kind=\"forward\""};

enum bind_sink_kind bind_sort(const struct pdu *pdu)
{
    struct str op;

    if (receipt_is(pdu))
        return BIND_RECEIPT;
    return pdu_tlv(pdu, SMPP_TAG_USSD_SERVICE_OP, &op) ? BIND_TALK_IN : BIND_TEXT;
}

void bind_deliver(const struct bind_line *line, const struct link_delivery *d,
                  const struct pdu *pdu)
{
    enum bind_sink_kind kind = bind_sort(pdu);
    struct bind *b = line->bind;
    struct bind_delivery delivery = {.bind = b, .generation = line->generation, .d = *d};

    if (kind == BIND_TEXT && b->set->talk != NULL && b->set->talk(b->set->talk_arg, b, pdu))
        kind = BIND_TALK_IN;
    if (kind == BIND_TEXT && b->set->forward != NULL && b->set->forward(b->set->forward_arg, pdu))
        kind = BIND_FORWARD;
    const struct bind_sink_slot *sink = &b->set->sinks[kind];

    counter_inc(counter_with(&delivered, kinds[kind]));
    if (sink->fn != NULL)
        sink->fn(sink->arg, &delivery, pdu);
    else
        bind_answer(&delivery, kind == BIND_TALK_IN ? SMPP_RX_P_APPN : SMPP_RX_T_APPN);
}

void bind_answer(const struct bind_delivery *d, uint32_t status)
{
    for
        EACH_LINE(d->bind, line)
        {
            if (line->link != NULL && line->generation == d->generation)
                link_respond(line->link, &d->d, status);
        }
}
