/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an answer or a callback of Wave, M-Pesa, Orange's Web Payment or airtime, through the
 * port alone: first byte the rail and the reader, second the HTTP status, the rest the body. Whatever comes, the
 * verdict is a word of the list, its texts are printable and end, a link is https, money is not
 * negative, only a 429 says that nothing was sent, and a success is a 2xx.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/money/airtime.h"
#include "gateway/money/mpesa.h"
#include "gateway/money/orange_web.h"
#include "gateway/money/wave.h"
#include "tests/fuzz/rail_verdict.h"

#define REF  "0b8f6d6e-9c2a-4f64-8b7a-0d1e2f3a4b5c"
#define MEMO "ws_CO_010120261200000000"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wave_config wave_config = {.base_url = "http://r",
                                               .api_key = "k",
                                               .signing_secret = "",
                                               .webhook_secret = "wave-webhook",
                                               .webhook_secret_previous = "",
                                               .callback_secret = "0123456789abcdef",
                                               .success_url = "https://a.example/",
                                               .error_url = "https://a.example/"};
static const struct mpesa_config mpesa_config = {.base_url = "http://r",
                                                 .consumer_key = "k",
                                                 .consumer_secret = "s",
                                                 .short_code = "174379",
                                                 .till = "",
                                                 .passkey = "p",
                                                 .callback_url = "https://a.example/pay/mpesa",
                                                 .callback_secret = "0123456789abcdef"};
static const struct orange_web_config web_config = {.base_url = "http://r",
                                                    .token_url = "http://t",
                                                    .client_id = "i",
                                                    .client_secret = "s",
                                                    .merchant_key = "m",
                                                    .merchant_name = "Coko",
                                                    .callback_url =
                                                        "https://a.example/pay/orange_web",
                                                    .callback_secret = "0123456789abcdef",
                                                    .return_url = "https://a.example/",
                                                    .lang = "fr"};

static const struct airtime_config airtime_config = {.base_url = "http://r",
                                                     .refund_url = "http://g",
                                                     .token_url = "http://t",
                                                     .client_id = "i",
                                                     .client_secret = "s",
                                                     .callback_url =
                                                         "https://a.example/pay/airtime",
                                                     .callback_secret = "0123456789abcdef",
                                                     .callback_token = "airtime-callback"};

static const struct rail_charge charge = {.our_ref = STR_INIT(REF),
                                          .rail_ref = STR_INIT("cos-1"),
                                          .memo = STR_INIT(MEMO),
                                          .by_link = true,
                                          .first_sent_s = 1700000000,
                                          .last_sent_s = 1700000000,
                                          .payer = STR_INIT("254708374149"),
                                          .country = STR_INIT("KE"),
                                          .amount_minor = 100,
                                          .currency = STR_INIT("XOF"),
                                          .label = STR_INIT("1 jour")};
static const struct rail_refund refund = {.charge = {.our_ref = STR_INIT(REF),
                                                     .rail_ref = STR_INIT("cos-1"),
                                                     .amount_minor = 100,
                                                     .currency = STR_INIT("XOF")},
                                          .rail_txn = STR_INIT("TCN1"),
                                          .our_ref =
                                              STR_INIT("5c4b3a2f-1e0d-4a7b-8f64-9c2a0b8f6d6e")};

static void check_verdict(const struct rail_verdict *v, const struct http_response *rs)
{
    bool paid = !v->more && (v->event == CHARGE_SUCCESS || v->event == CHARGE_SYNC_SUCCESS);

    check_shape(v);
    assert(v->event != CHARGE_NOT_SENT || rs->status == 429); /* documented: not carried out */
    assert(!paid || (rs->status >= 200 && rs->status < 300));
}

/* An answer and, as long as more is wanted, the same bytes as the next one. */
static void read_charge(const struct rail *r, struct arena *a, const struct http_response *rs,
                        struct rail_charge c, bool submit)
{
    struct rail_verdict v = {.event = CHARGE_UNKNOWN};

    if (submit)
        r->type->submit_read(r, &c, rs, &v);
    else
        r->type->poll_read(r, &c, rs, &v);
    check_verdict(&v, rs);
    for (unsigned i = 0; v.more && i < RAIL_FOLLOW_MAX; i++) {
        struct http_request rq = {.url = NULL};
        struct rail_verdict next = {.step = v.step};

        r->type->follow_request(r, a, &c, "t", &v, &rq);
        assert(rq.url != NULL);
        memcpy(next.aim, v.aim, sizeof next.aim);
        r->type->follow_read(r, &c, rs, &next);
        check_verdict(&next, rs);
        v = next;
    }
}

static void read_refund(const struct rail *r, const struct http_response *rs, bool submit)
{
    struct rail_verdict v = {.event = CHARGE_UNKNOWN};

    if (r->type->submit_refund_read == NULL)
        return;
    if (submit)
        r->type->submit_refund_read(r, &refund, rs, &v);
    else
        r->type->poll_refund_read(r, &refund, rs, &v);
    check_verdict(&v, rs);
}

static void read_callback(const struct rail *r, struct arena *a, struct str body)
{
    struct rail_callback cb = {.body = body, .tail = body, .now_s = 1700000000};
    struct rail_hint h = {.our_ref = STR_EMPTY};

    cb.header[RAIL_AUTHORIZATION] = body;
    cb.header[RAIL_WAVE_SIGNATURE] = body;
    if (r->type->callback_verify != NULL)
        assert(r->type->callback_verify(r, &cb) != CALLBACK_VERIFIED); /* no secret, no signature */
    r->type->callback_hint(a, &cb, &h);
    assert(h.our_ref.n <= body.n && h.event_id.n <= body.n && h.proof.n <= body.n);
}

static void read_token(const struct rail *r, const struct http_response *rs)
{
    struct token_value t = {.text = ""};

    if (r->type->needs_token && r->type->token_read(r, rs, &t))
        check_text(t.text, sizeof t.text);
}

static void read_it(const struct rail *r, struct arena *a, const struct http_response *rs,
                    unsigned what)
{
    struct rail_charge revoked = charge, nameless = charge;

    revoked.revoke = true;
    nameless.rail_ref = STR_EMPTY; /* the answer to its submit was lost */
    switch (what % 8) {
    case 0: read_charge(r, a, rs, charge, true); break;
    case 1: read_charge(r, a, rs, charge, false); break;
    case 2: read_charge(r, a, rs, revoked, false); break;
    case 3: read_refund(r, rs, true); break;
    case 4: read_refund(r, rs, false); break;
    case 5: read_callback(r, a, rs->body); break;
    case 6: read_token(r, rs); break;
    case 7: read_charge(r, a, rs, nameless, false); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 201, 202, 400, 401, 403, 404, 409, 422, 429, 500, 503};
    struct wave wave;
    struct mpesa mpesa;
    struct orange_web web;
    struct airtime airtime;
    struct arena a;
    struct err e = {0};
    bool on;

    if (size < 2 || wave_init(&wave, &wave_config, &on, &e) != 0 ||
        mpesa_init(&mpesa, &mpesa_config, &on, &e) != 0 ||
        orange_web_init(&web, &web_config, &on, &e) != 0 ||
        airtime_init(&airtime, &airtime_config, &on, &e) != 0)
        return 0;
    const struct rail *const rails[] = {&wave.rail, &mpesa.rail, &web.rail, &airtime.rail};
    char *body = malloc(size - 1); /* its end is guarded, with the NUL that an answer has */
    struct http_response rs = {.status = statuses[data[1] % ARRAY_LEN(statuses)],
                               .body = str_n(body, size - 2)};

    assert(body);
    memcpy(body, data + 2, size - 2);
    body[size - 2] = '\0';
    arena_init(&a, 4096, 1 << 20);
    read_it(rails[data[0] % ARRAY_LEN(rails)], &a, &rs, data[0] / ARRAY_LEN(rails));
    arena_fini(&a);
    free(body);
    return 0;
}
