/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a rail's answer: first byte the reader, second the HTTP status, the rest the body.
 * Whatever comes, the verdict is a word of the list, its texts are printable and end, money is
 * never negative, and only a whole 200 that names our reference is a success.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/money/amount.h"
#include "gateway/money/mtn_momo.h"
#include "tests/fuzz/rail_verdict.h"

#define REF "0b8f6d6e-9c2a-4f64-8b7a-0d1e2f3a4b5c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct mtn_momo_config config = {.base_url = "http://r",
                                              .target_environment = "e",
                                              .user_id = "u",
                                              .api_key = "k",
                                              .subscription_key = "s",
                                              .callback_url = "",
                                              .callback_secret = "",
                                              .disbursement_user_id = "",
                                              .disbursement_api_key = "",
                                              .disbursement_key = ""};

static void check_verdict(const struct rail_verdict *v, int status, struct str body)
{
    check_shape(v);
    if (v->event == CHARGE_SUCCESS)
        assert(status == 200 && body.n >= sizeof REF - 1);
    if (v->event == CHARGE_NOT_SENT)
        abort(); /* no answer says that nothing was sent */
}

static void read_amount(struct str text)
{
    int64_t minor = -1, again = -1;
    char mem[40];
    struct buf b;

    for (unsigned exponent = 0; exponent <= 2; exponent += 2) {
        if (!amount_parse(text, exponent, &minor))
            continue;
        assert(minor >= 0);
        buf_init_fixed(&b, mem, sizeof mem);
        amount_format(minor, exponent, &b);
        assert(amount_parse(buf_str(&b), exponent, &again) && again == minor);
    }
}

/* The rest as a plan's label: what leaves is ASCII without an apostrophe (hard case 29). */
static void build(struct mtn_momo *m, struct arena *a, struct str label)
{
    struct rail_charge c = {.our_ref = STR(REF),
                            .payer = STR("2250500000001"),
                            .amount_minor = 100,
                            .currency = STR("XOF"),
                            .label = label};
    struct http_request rq;

    m->rail.type->submit_request(&m->rail, a, &c, "t", &rq);
    assert(rq.body.n > 2 && rq.body.p[rq.body.n - 1] == '}');
    for (size_t i = 0; i < rq.body.n; i++)
        assert(rq.body.p[i] >= 0x20 && rq.body.p[i] < 0x7F && rq.body.p[i] != '\'');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 202, 400, 401, 403, 404, 409, 429, 500, 503};
    const struct rail_charge c = {.our_ref = STR(REF), .currency = STR("XOF")};
    struct mtn_momo m;
    struct rail_verdict v;
    struct token_value t = {.text = ""};
    struct arena a;
    struct err e = {0};
    bool on;

    if (size < 2 || mtn_momo_init(&m, &config, &on, &e) != 0)
        return 0;
    struct http_response rs = {.status = statuses[data[1] % ARRAY_LEN(statuses)],
                               .body = str_n(data + 2, size - 2)};

    arena_init(&a, 4096, 1 << 20);
    switch (data[0] % 6) {
    case 0:
        m.rail.type->submit_read(&m.rail, &c, &rs, &v);
        check_verdict(&v, rs.status, rs.body);
        assert(v.event != CHARGE_SUCCESS);
        break;
    case 1:
        m.rail.type->poll_read(&m.rail, &c, &rs, &v);
        check_verdict(&v, rs.status, rs.body);
        break;
    case 2:
        if (m.rail.type->token_read(&m.rail, &rs, &t))
            check_text(t.text, sizeof t.text);
        break;
    case 3: {
        struct rail_callback cb = {.body = rs.body};
        struct rail_hint h = {.our_ref = STR_EMPTY};

        m.rail.type->callback_hint(&a, &cb, &h);
        assert(h.our_ref.n <= rs.body.n && !h.wants_proof);
        break;
    }
    case 4: read_amount(rs.body); break;
    case 5: build(&m, &a, rs.body); break;
    }
    arena_fini(&a);
    return 0;
}
