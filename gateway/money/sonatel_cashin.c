/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Money back to an Orange Money payer: a cash-in from the retailer's wallet. See sonatel.h.
 *
 *   publicKeys -> cashins (the PIN under that key) -> 4003, the key was revoked: once more from the start
 *
 * The key travels in the verdict's memo from the one request to the next and is kept nowhere, so a
 * revoked one is never met twice. Without a retailer no request is built: refunds are made by hand.
 */
#include <string.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/crypto.h"
#include "gateway/money/rail_io.h"
#include "gateway/money/sonatel.h"

#define KEY_REVOKED "4003"
#define KEY_MAX     (RAIL_MEMO_MAX - 1) /* base64 of a DER key of 2048 bits has 392 */
#define SEALED_MAX  (4 * CRYPTO_RSA_MAX / 3 + 8)

static void key_request(const struct rail *r, struct arena *a, const char *token,
                        struct http_request *rq)
{
    sonatel_request(r, a, token, "GET", "/api/account/v1/publicKeys", rq);
}

void sonatel_refund_request(const struct rail *r, struct arena *a, const struct rail_refund *f,
                            const char *token, struct http_request *rq)
{
    if (*sonatel_config(r)->retailer && sonatel_national(&f->charge).n > 0 &&
        str_eq_c(f->charge.currency, "XOF"))
        key_request(r, a, token, rq);
}

/* Nothing moved yet, so an answer that is no key is as good as none sent. */
static void read_key(const struct http_response *rs, unsigned step, struct rail_verdict *v)
{
    json_t *root = rs->status == 200 ? rail_object(rs) : NULL;
    const char *key = json_string_value(json_object_get(root, "key"));

    *v = (struct rail_verdict){.event = CHARGE_NOT_SENT, .token_refused = rs->status == 401};
    if (key && *key && strlen(key) <= KEY_MAX && rail_is_visible(key)) {
        memcpy(v->memo, key, strlen(key) + 1);
        v->more = true;
        v->step = step;
    }
    json_decref(root);
}

void sonatel_refund_read(const struct rail *r, const struct rail_refund *f,
                         const struct http_response *rs, struct rail_verdict *v)
{
    (void)r;
    (void)f;
    read_key(rs, SONATEL_KEY, v);
}

/* The PIN under the rail's key, in base64; empty when the key is none. */
static struct str sealed_pin(struct arena *a, const char *pin, const char *key)
{
    char der[RAIL_MEMO_MAX], sealed[CRYPTO_RSA_MAX], *mem = arena_alloc(a, SEALED_MAX);
    ssize_t n = base64_decode(str_c(key), BASE64_STD, der, sizeof der);
    struct buf out, b64;

    buf_init_fixed(&out, sealed, sizeof sealed);
    buf_init_fixed(&b64, mem, SEALED_MAX);
    if (n > 0 && crypto_rsa_encrypt(str_n(der, (size_t)n), str_c(pin), &out))
        base64_encode(&b64, BASE64_STD, out.p, out.len);
    return buf_str(&b64);
}

static struct str cashin_body(const struct sonatel_config *conf, struct arena *a,
                              const struct rail_refund *f, struct str pin)
{
    char *mem = arena_alloc(a, SONATEL_BODY_MAX);
    struct buf out;
    struct jsonw j;

    buf_init_fixed(&out, mem, SONATEL_BODY_MAX);
    jsonw_init(&j, &out);
    jsonw_object(&j);
    sonatel_open_party(&j, "partner", "MSISDN", str_c(conf->retailer));
    jsonw_kv_str(&j, "encryptedPinCode", pin);
    jsonw_end(&j);
    sonatel_open_party(&j, "customer", "MSISDN", sonatel_national(&f->charge));
    jsonw_end(&j);
    sonatel_money(&j, f->charge.amount_minor, f->charge.currency, f->our_ref);
    jsonw_kv_bool(&j, "receiveNotification", false);
    jsonw_end(&j);
    return buf_str(&out);
}

void sonatel_refund_follow(const struct rail *r, struct arena *a, const struct rail_refund *f,
                           const char *token, const struct rail_verdict *v, struct http_request *rq)
{
    struct str pin;

    if (v->step == SONATEL_FIRST) {
        key_request(r, a, token, rq);
        return;
    }
    pin = sealed_pin(a, sonatel_config(r)->retailer_pin, v->memo);
    if (pin.n == 0)
        return;
    sonatel_request(r, a, token, "POST", "/api/eWallet/v1/cashins", rq);
    rq->body = cashin_body(sonatel_config(r), a, f, pin);
    rq->no_resend = true;
}

static void read_cashin(const struct rail_refund *f, const struct http_response *rs,
                        struct rail_verdict *v)
{
    json_t *root = rail_object(rs);
    json_t *ref = json_object_get(root, "reference");
    bool again = v->step == SONATEL_KEY;

    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    if (root && (rs->status == 200 || rs->status == 201)) {
        sonatel_status(rail_word(json_object_get(root, "status")), v);
        rail_take_id(v->rail_txn, sizeof v->rail_txn, json_object_get(root, "transactionId"));
        if (json_is_string(ref) && !str_eq_c(f->our_ref, json_string_value(ref)))
            v->event = CHARGE_UNKNOWN;
    } else {
        sonatel_refusal(rs, root, v);
        if (v->event == CHARGE_CODE_REFUSED)
            v->event = CHARGE_REJECTED;
        if (again && v->event == CHARGE_REJECTED && strcmp(v->reason, KEY_REVOKED) == 0)
            v->more = true; /* step 0: the key anew */
    }
    json_decref(root);
}

void sonatel_refund_followed(const struct rail *r, const struct rail_refund *f,
                             const struct http_response *rs, struct rail_verdict *v)
{
    (void)r;
    if (v->step == SONATEL_FIRST)
        read_key(rs, SONATEL_KEY_AGAIN, v);
    else
        read_cashin(f, rs, v);
}

void sonatel_refund_poll(const struct rail *r, struct arena *a, const struct rail_refund *f,
                         const char *token, struct http_request *rq)
{
    sonatel_search(r, a, f->our_ref, token, rq);
}

void sonatel_refund_polled(const struct rail *r, const struct rail_refund *f,
                           const struct http_response *rs, struct rail_verdict *v)
{
    const struct rail_charge c = {.our_ref = f->our_ref};

    sonatel_poll_read(r, &c, rs, v);
}
