/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The destinations of one submit_multi: judged when it comes, told one by one what became of them, and
 * in the end those that failed as its response lists them.
 *
 * A distribution list is no number of ours: 0x44. A number that is named twice is sent to once; both
 * have the same outcome. Taken is a submit_multi that one number was taken of; else its response has
 * the status that all failed with, or 0x45.
 */
#include "gateway/esme/multi.h"

#include <stdlib.h>

#include "gateway/esme/request.h"
#include "gateway/lib/crypto.h"

#define ADDRESS_ROOM 21 /* as in pdu_list.c */

struct dest {
    struct msisdn number;
    char address[ADDRESS_ROOM]; /* as it came */
    uint8_t ton, npi;
    uint8_t same_as; /* the first of its number; else itself */
    uint32_t status;
};

struct multi {
    unsigned n;
    char id[24]; /* "": nothing was taken */
    struct dest dests[];
};

static bool is_first(const struct multi *m, unsigned i)
{
    return m->dests[i].same_as == i;
}

static uint8_t first_of_number(const struct multi *m, unsigned i)
{
    for (unsigned k = 0; k < i; k++) {
        if (m->dests[k].status == 0 &&
            strcmp(m->dests[k].number.digits, m->dests[i].number.digits) == 0)
            return (uint8_t)k;
    }
    return (uint8_t)i;
}

static void judge(const struct esme_config *c, struct multi *m, const struct pdu_dest *from)
{
    unsigned i = m->n++;
    struct dest *d = &m->dests[i];

    d->ton = from->ton;
    d->npi = from->npi;
    if (!str_to_c(from->address, d->address, sizeof d->address))
        abort(); /* the codec has refused what is longer */
    d->status = from->is_list ? SMPP_RCNTSUBDL : esme_number_read(c, from->address, &d->number);
    d->same_as = d->status == 0 ? first_of_number(m, i) : (uint8_t)i;
}

struct multi *multi_new(const struct esme_config *c, const struct pdu_list *dests)
{
    struct multi *m = calloc(1, sizeof *m + dests->count * sizeof *m->dests);
    struct str rest = dests->entries;
    struct pdu_dest one;

    if (m == NULL)
        abort();
    while (m->n < dests->count && pdu_dest_next(&rest, &one))
        judge(c, m, &one);
    return m;
}

void multi_free(struct multi *m)
{
    if (m == NULL)
        return;
    crypto_wipe(m->dests, m->n * sizeof *m->dests);
    free(m);
}

unsigned multi_count(const struct multi *m)
{
    return m->n;
}

const struct msisdn *multi_number(const struct multi *m, unsigned i)
{
    return m->dests[i].status == 0 && is_first(m, i) ? &m->dests[i].number : NULL;
}

unsigned multi_numbers(const struct multi *m)
{
    unsigned n = 0;

    for (unsigned i = 0; i < m->n; i++)
        n += multi_number(m, i) != NULL;
    return n;
}

void multi_told(struct multi *m, unsigned i, uint32_t status, struct str id)
{
    m->dests[i].status = status;
    if (status == 0 && !str_to_c(id, m->id, sizeof m->id))
        abort(); /* a bigint has 19 digits */
}

uint32_t multi_status(const struct multi *m)
{
    uint32_t status = m->dests[0].status;

    if (*m->id != '\0')
        return 0;
    for (unsigned i = 1; i < m->n; i++) {
        if (m->dests[m->dests[i].same_as].status != status)
            return SMPP_RSUBMITFAIL;
    }
    return status;
}

struct str multi_id(const struct multi *m)
{
    return str_c(m->id);
}

void multi_failed(const struct multi *m, struct buf *store, struct pdu_list *out)
{
    struct err e;

    *out = (struct pdu_list){.entries = STR_EMPTY};
    for (unsigned i = 0; i < m->n; i++) {
        const struct dest *d = &m->dests[i];
        struct pdu_failed f = {.ton = d->ton,
                               .npi = d->npi,
                               .address = str_c(d->address),
                               .status = m->dests[d->same_as].status};

        if (f.status != 0 && pdu_failed_add(out, store, &f, &e) != 0)
            abort(); /* as many and as long as they came */
    }
}
