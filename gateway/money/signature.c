/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed time and body, written and checked. See signature.h.
 */
#include "gateway/money/signature.h"

#include "gateway/lib/basenc.h"
#include "gateway/lib/crypto.h"

#define HEX_LEN  (2 * CRYPTO_SHA256_LEN)
#define TIME_MAX 12 /* digits of t */

static const struct str between[SIGNATURE_SCHEMES] = {
    [SIGNATURE_WAVE] = STR_INIT(""),
    [SIGNATURE_SONATEL] = STR_INIT(","),
};

static const char *const names[SIGNATURE_RESULTS] = {
    [SIGNATURE_GOOD] = "good", [SIGNATURE_ABSENT] = "absent", [SIGNATURE_MALFORMED] = "malformed",
    [SIGNATURE_OLD] = "old",   [SIGNATURE_FUTURE] = "future", [SIGNATURE_WRONG] = "wrong",
};

struct parts {
    struct str time; /* as it came: the digits are what was signed */
    int64_t t;
    struct str v1[SIGNATURE_V1_MAX];
    size_t nv1;
};

const char *signature_result_name(enum signature_result r)
{
    return r < SIGNATURE_RESULTS ? names[r] : "wrong";
}

static void digest(enum signature_scheme scheme, struct str secret, struct str time,
                   struct str body, uint8_t out[CRYPTO_SHA256_LEN])
{
    const struct str parts[] = {time, between[scheme], body};

    crypto_hmac_sha256_parts(secret, parts, ARRAY_LEN(parts), out);
}

static bool is_lower_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    }
    return s.n == HEX_LEN;
}

/* One piece of the header; other keys than t and v1 are versions we do not know. */
static bool take_piece(struct parts *p, struct str piece)
{
    struct str key, value;

    if (!str_cut(piece, '=', &key, &value))
        return false;
    if (str_eq_c(key, "t")) {
        if (p->time.n > 0 || value.n == 0 || value.n > TIME_MAX || value.p[0] == '-')
            return false;
        p->time = value;
        return str_to_i64(value, 0, INT64_MAX, &p->t);
    }
    if (!str_eq_c(key, "v1"))
        return true;
    if (p->nv1 == SIGNATURE_V1_MAX || !is_lower_hex(value))
        return false;
    p->v1[p->nv1++] = value;
    return true;
}

static bool header_parse(struct str header, struct parts *p)
{
    struct str rest = header, piece;

    *p = (struct parts){.time = STR_EMPTY};
    if (header.n > SIGNATURE_HEADER_MAX)
        return false;
    while (str_split(&rest, ',', &piece)) {
        if (!take_piece(p, piece))
            return false;
    }
    return p->time.n > 0 && p->nv1 > 0;
}

/* Every v1 is compared whole, whatever the ones before it said. */
static bool any_signed_by(enum signature_scheme scheme, const struct parts *p, struct str body,
                          struct str secret)
{
    uint8_t mine[CRYPTO_SHA256_LEN];
    char mem[HEX_LEN];
    struct buf hex;
    bool good = false;

    if (secret.n == 0)
        return false;
    digest(scheme, secret, p->time, body, mine);
    buf_init_fixed(&hex, mem, sizeof mem);
    hex_encode(&hex, mine, sizeof mine);
    for (size_t i = 0; i < p->nv1; i++)
        good |= crypto_eq(p->v1[i], buf_str(&hex));
    crypto_wipe(mine, sizeof mine);
    crypto_wipe(mem, sizeof mem);
    return good;
}

enum signature_result signature_verify(enum signature_scheme scheme, struct str header,
                                       struct str body, struct str secret, struct str previous,
                                       int64_t now_s)
{
    struct parts p;
    bool now, before;

    if (header.n == 0 || (secret.n == 0 && previous.n == 0))
        return SIGNATURE_ABSENT;
    if (!header_parse(header, &p))
        return SIGNATURE_MALFORMED;
    now = any_signed_by(scheme, &p, body, secret);
    before = any_signed_by(scheme, &p, body, previous);
    if (!now && !before)
        return SIGNATURE_WRONG;
    if (p.t < now_s - SIGNATURE_OLD_S)
        return SIGNATURE_OLD;
    return p.t > now_s + SIGNATURE_FUTURE_S ? SIGNATURE_FUTURE : SIGNATURE_GOOD;
}

void signature_make(enum signature_scheme scheme, struct str body, struct str secret, int64_t now_s,
                    struct buf *out)
{
    uint8_t mine[CRYPTO_SHA256_LEN];
    char mem[24];
    struct buf time;

    buf_init_fixed(&time, mem, sizeof mem);
    buf_add_i64(&time, now_s);
    digest(scheme, secret, buf_str(&time), body, mine);
    buf_addf(out, "t=%" STR_FMT ",v1=", STR_ARG(buf_str(&time)));
    hex_encode(out, mine, sizeof mine);
    crypto_wipe(mine, sizeof mine);
}
