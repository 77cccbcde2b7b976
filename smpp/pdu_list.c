/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of submit_multi (v3.4 4.5.1.1, 4.5.2.1).
 *
 *   destination   dest_flag 1, ton, npi, address       an SME
 *                 dest_flag 2, name                    a distribution list
 *   failed        ton, npi, address, status (4 octets)
 */
#include "smpp/pdu_list.h"

#include <string.h>

#define ADDRESS_ROOM 21 /* with the NUL: of an address and of a list's name */

enum { FLAG_SME = 1, FLAG_LIST = 2 };

static bool take_u8(struct str *rest, uint8_t *v)
{
    if (rest->n == 0)
        return false;
    *v = (uint8_t)rest->p[0];
    *rest = str_skip(*rest, 1);
    return true;
}

static bool take_address(struct str *rest, struct str *v)
{
    ptrdiff_t nul = str_find_char(str_head(*rest, ADDRESS_ROOM), '\0');

    if (nul < 0)
        return false;
    *v = str_head(*rest, (size_t)nul);
    *rest = str_skip(*rest, (size_t)nul + 1);
    return true;
}

uint32_t pdu_entry_dest(struct str *rest, struct pdu_dest *out)
{
    struct str at = *rest;
    uint8_t flag;

    *out = (struct pdu_dest){.address = STR_EMPTY};
    if (!take_u8(&at, &flag))
        return SMPP_RINVNUMDESTS;
    if (flag != FLAG_SME && flag != FLAG_LIST)
        return SMPP_RINVDESTFLAG;
    out->is_list = flag == FLAG_LIST;
    if (!out->is_list && (!take_u8(&at, &out->ton) || !take_u8(&at, &out->npi)))
        return SMPP_RINVNUMDESTS;
    if (!take_address(&at, &out->address))
        return out->is_list ? SMPP_RINVDLNAME : SMPP_RINVDSTADR;
    *rest = at;
    return 0;
}

uint32_t pdu_entry_failed(struct str *rest, struct pdu_failed *out)
{
    struct str at = *rest;
    uint8_t octet;

    *out = (struct pdu_failed){.address = STR_EMPTY};
    if (!take_u8(&at, &out->ton) || !take_u8(&at, &out->npi) || !take_address(&at, &out->address))
        return SMPP_RINVDSTADR;
    for (int i = 0; i < 4; i++) {
        if (!take_u8(&at, &octet))
            return SMPP_RINVCMDLEN;
        out->status = out->status << 8 | octet;
    }
    *rest = at;
    return 0;
}

bool pdu_dest_next(struct str *rest, struct pdu_dest *out)
{
    return rest->n > 0 && pdu_entry_dest(rest, out) == 0;
}

bool pdu_failed_next(struct str *rest, struct pdu_failed *out)
{
    return rest->n > 0 && pdu_entry_failed(rest, out) == 0;
}

/* ---- writing ---- */

static int check(const struct pdu_list *list, struct str address, struct err *e)
{
    if (list->count >= PDU_LIST_MAX)
        return err_set(e, ERR_TOO_BIG, "more than %d addresses", PDU_LIST_MAX);
    if (address.n >= ADDRESS_ROOM)
        return err_set(e, ERR_TOO_BIG, "address: %zu octets, room for %d", address.n,
                       ADDRESS_ROOM - 1);
    if (address.n > 0 && memchr(address.p, '\0', address.n) != NULL)
        return err_set(e, ERR_BAD_INPUT, "address: a NUL inside");
    return 0;
}

static int added(struct pdu_list *list, struct buf *store, struct err *e)
{
    if (buf_check(store, e) != 0)
        return -1;
    list->count++;
    list->entries = buf_str(store);
    return 0;
}

int pdu_dest_add(struct pdu_list *list, struct buf *store, const struct pdu_dest *d, struct err *e)
{
    if (check(list, d->address, e) != 0)
        return -1;
    buf_addc(store, d->is_list ? FLAG_LIST : FLAG_SME);
    if (!d->is_list) {
        buf_addc(store, (char)d->ton);
        buf_addc(store, (char)d->npi);
    }
    buf_adds(store, d->address);
    buf_addc(store, '\0');
    return added(list, store, e);
}

int pdu_failed_add(struct pdu_list *list, struct buf *store, const struct pdu_failed *f,
                   struct err *e)
{
    if (check(list, f->address, e) != 0)
        return -1;
    buf_addc(store, (char)f->ton);
    buf_addc(store, (char)f->npi);
    buf_adds(store, f->address);
    buf_addc(store, '\0');
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_addc(store, (char)(uint8_t)(f->status >> shift));
    return added(list, store, e);
}
