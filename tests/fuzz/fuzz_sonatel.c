/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as Orange Money's answer: first byte the reader, second the HTTP status, the rest the body.
 * Whatever comes, the verdict is a word of the list, its texts are printable and end, a link is https,
 * and only a whole 200 that names our reference is a success: a SUCCESS without it wants a search.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/money/sonatel.h"
#include "tests/fuzz/rail_verdict.h"

#define REF "0b8f6d6e-9c2a-4f64-8b7a-0d1e2f3a4b5c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sonatel_config config = {.base_url = "http://r",
                                             .token_path = "/t",
                                             .client_id = "i",
                                             .client_secret = "s",
                                             .merchant_code = "123456",
                                             .merchant_name = "Coko",
                                             .callback_url = "",
                                             .callback_secret = "",
                                             .callback_api_key = "k",
                                             .signing_secret = "",
                                             .signing_secret_previous = "",
                                             .return_url = "",
                                             .retailer = "771000001",
                                             .retailer_pin = "2468",
                                             .link_ms = 60000};

static const struct rail_charge charge = {.our_ref = STR_INIT(REF),
                                          .rail_ref = STR_INIT("MP1"),
                                          .payer = STR_INIT("221771234567"),
                                          .country = STR_INIT("SN"),
                                          .otp = STR_INIT("123456"),
                                          .amount_minor = 100,
                                          .currency = STR_INIT("XOF")};

static void check_verdict(const struct rail_verdict *v, const struct http_response *rs)
{
    bool paid = !v->more && (v->event == CHARGE_SUCCESS || v->event == CHARGE_SYNC_SUCCESS);

    check_shape(v);
    assert(!paid || ((rs->status == 200 || rs->status == 201) && rs->body.n >= sizeof REF - 1));
}

/* An answer and, where it wants more, the same bytes as the next one. */
static void read_charge(const struct rail *r, struct arena *a, const struct http_response *rs,
                        bool submit)
{
    struct http_request rq = {.url = NULL};
    struct rail_verdict v;

    if (submit)
        r->type->submit_read(r, &charge, rs, &v);
    else
        r->type->poll_read(r, &charge, rs, &v);
    check_verdict(&v, rs);
    assert(v.event != CHARGE_NOT_SENT); /* no answer says that nothing was sent */
    if (!v.more)
        return;
    r->type->follow_request(r, a, &charge, "t", &v, &rq);
    assert(rq.url);
    v.more = false;
    r->type->follow_read(r, &charge, rs, &v);
    check_verdict(&v, rs);
    assert(!v.more);
}

static void read_refund(const struct rail *r, struct arena *a, const struct http_response *rs)
{
    const struct rail_refund f = {.charge = charge, .our_ref = STR_INIT(REF)};
    struct http_request rq = {.url = NULL};
    struct rail_verdict v;

    r->type->submit_refund_read(r, &f, rs, &v);
    check_verdict(&v, rs);
    for (int i = 0; v.more; i++) {
        assert(i < RAIL_FOLLOW_MAX);
        r->type->follow_refund_request(r, a, &f, "t", &v,
                                       &rq); /* a key that is none builds nothing */
        v.more = false;
        r->type->follow_refund_read(r, &f, rs, &v);
        check_verdict(&v, rs);
    }
    r->type->poll_refund_read(r, &f, rs, &v);
    check_verdict(&v, rs);
}

static void read_callback(const struct rail *r, struct arena *a, struct str body)
{
    struct rail_callback cb = {.body = body, .now_s = 1700000000};
    struct rail_hint h = {.our_ref = STR_EMPTY};

    cb.header[RAIL_AUTHORIZATION] = body;
    cb.header[RAIL_SONATEL_SIGNATURE] = body;
    if (r->type->callback_verify(r, &cb) == CALLBACK_VERIFIED)
        assert(str_ends(str_trim(body), STR("k")));
    r->type->callback_hint(a, &cb, &h);
    assert(h.our_ref.n <= body.n && !h.wants_proof);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 201, 202, 400, 401, 403, 404, 409, 422, 429, 500, 503};
    struct sonatel onestep, qr;
    struct arena a;
    struct err e = {0};
    bool on;

    if (size < 2 || sonatel_init(&onestep, &orange_sonatel_type, &config, &on, &e) != 0 ||
        sonatel_init(&qr, &orange_qr_type, &config, &on, &e) != 0)
        return 0;
    char *body = malloc(size - 1); /* its end is guarded, with the NUL that an answer has */
    struct http_response rs = {.status = statuses[data[1] % ARRAY_LEN(statuses)],
                               .body = str_n(body, size - 2)};

    assert(body);
    memcpy(body, data + 2, size - 2);
    body[size - 2] = '\0';
    arena_init(&a, 4096, 1 << 20);
    switch (data[0] % 5) {
    case 0: read_charge(&onestep.rail, &a, &rs, true); break;
    case 1: read_charge(&onestep.rail, &a, &rs, false); break;
    case 2: read_charge(&qr.rail, &a, &rs, true); break;
    case 3: read_refund(&onestep.rail, &a, &rs); break;
    case 4: read_callback(&onestep.rail, &a, rs.body); break;
    }
    arena_fini(&a);
    free(body);
    return 0;
}
