/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See link.h.
 */
#include "gateway/ussd/link.h"

#include <string.h>

#include "gateway/lib/basenc.h"

#define STEP_LEN      4
#define MAC_LEN       8
#define SIGNED_MAX    (64 + USSD_SESSION_MAX + USSD_NUMBER_MAX + SESSION_MARK_LEN)
#define SEAL_NAME_MAX (64 + USSD_SESSION_MAX)
#define SEALED_MAX    (SEAL_OVERHEAD + USSD_NUMBER_MAX + 1 + LINK_KEPT_MAX)

void link_token(const struct seal_ring *ring, const char *carrier, const struct ussd_event *ev,
                const uint8_t mark[SESSION_MARK_LEN], uint32_t step, char out[LINK_TOKEN_LEN + 1])
{
    uint8_t raw[STEP_LEN + MAC_LEN], mac[32];
    char mem[SIGNED_MAX];
    struct buf b;

    for (int i = 0; i < STEP_LEN; i++)
        raw[i] = (uint8_t)(step >> (24 - 8 * i));
    buf_init_fixed(&b, mem, sizeof mem);
    buf_addf(&b, "%s %zu ", carrier, ev->session.n); /* the length: no two mean the same */
    buf_adds(&b, ev->session);
    buf_adds(&b, ev->number);
    buf_addc(&b, ' ');
    buf_add(&b, mark, SESSION_MARK_LEN);
    buf_add(&b, raw, STEP_LEN);
    seal_mac(ring, SEAL_TOKEN, STR("ussd link"), buf_str(&b), mac);
    memcpy(raw + STEP_LEN, mac, MAC_LEN);
    buf_init_fixed(&b, out, LINK_TOKEN_LEN);
    base64_encode(&b, BASE64_URL, raw, sizeof raw);
    out[LINK_TOKEN_LEN] = '\0';
}

bool link_step(struct str token, uint32_t *step)
{
    uint8_t raw[STEP_LEN + MAC_LEN];

    if (base64_decode(token, BASE64_URL, raw, sizeof raw) != (ssize_t)sizeof raw)
        return false;
    *step = (uint32_t)raw[0] << 24 | (uint32_t)raw[1] << 16 | (uint32_t)raw[2] << 8 | raw[3];
    return true;
}

bool link_genuine(const struct seal_ring *ring, const char *carrier, const struct ussd_event *ev,
                  const uint8_t mark[SESSION_MARK_LEN])
{
    char want[LINK_TOKEN_LEN + 1];

    link_token(ring, carrier, ev, mark, ev->sequence, want);
    return crypto_eq(ev->token, str_n(want, LINK_TOKEN_LEN));
}

/* The session last: no two of these mean the same. */
static struct str seal_name(const char *carrier, struct str session, char mem[SEAL_NAME_MAX])
{
    struct buf b;

    buf_init_fixed(&b, mem, SEAL_NAME_MAX);
    buf_addf(&b, "ussd state %s ", carrier);
    buf_adds(&b, session);
    return buf_str(&b);
}

void link_seal(const struct seal_ring *ring, const char *carrier, struct str session,
               struct str number, struct str kept, struct buf *out)
{
    char mem[SEALED_MAX], clear[SEALED_MAX], name[SEAL_NAME_MAX];
    struct buf b, plain;

    buf_init_fixed(&plain, clear, sizeof clear);
    buf_adds(&plain, number);
    buf_addc(&plain, '\n');
    buf_adds(&plain, kept.n <= LINK_KEPT_MAX ? kept : STR_EMPTY);
    buf_init_fixed(&b, mem, sizeof mem);
    seal_close(ring, seal_name(carrier, session, name), buf_str(&plain), &b);
    base64_encode(out, BASE64_URL, b.p, b.len);
}

int link_open(const struct seal_ring *ring, const char *carrier, struct str session,
              struct str state, struct buf *mem, struct str *number, struct str *kept,
              struct err *e)
{
    uint8_t raw[SEALED_MAX];
    ssize_t n = base64_decode(state, BASE64_URL, raw, sizeof raw);
    char name[SEAL_NAME_MAX];

    if (n < 0)
        return err_set(e, ERR_BAD_INPUT, "%s: the state is not ours", carrier);
    if (seal_open(ring, seal_name(carrier, session, name), str_n(raw, (size_t)n), mem, e) != 0)
        return -1;
    str_cut(buf_str(mem), '\n', number, kept);
    return 0;
}
