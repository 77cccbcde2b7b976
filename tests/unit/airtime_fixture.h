/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One configured airtime rail and one charge, for the programs that test its answers and its requests.
 */
#ifndef COKO_TESTS_AIRTIME_FIXTURE_H
#define COKO_TESTS_AIRTIME_FIXTURE_H

#include "gateway/lib/clock.h"
#include "gateway/money/airtime.h"
#include "gateway/money/rail_io.h"

#define REF    "0b8f6d6e-9c2a-4f64-8b7a-0d1e2f3a4b5c"
#define REFUND "5c4b3a2f-1e0d-4a7b-8f64-9c2a0b8f6d6e"
#define OTHER  "11111111-9c2a-4f64-8b7a-0d1e2f3a4b5c"
#define ID     "AK234rfweSBuWGFUEWFGWEVWRV"
#define RID    "RF-1_a"
#define SENT   1700000000 /* 2023-11-14 22:13:20 UTC */
#define TOKEN  "sink-bearer"

#define REFERENCES(ref) "\"clientCorrelator\":\"" ref "\",\"referenceCode\":\"" ref "\""

static struct airtime_config config = {.base_url = "https://op.test/carrier-billing/v0.5",
                                       .refund_url = "https://op.test/carrier-billing-refund/v0.3",
                                       .token_url = "https://op.test/oauth2/token",
                                       .client_id = "id",
                                       .client_secret = "secret",
                                       .callback_url = "https://us.test/pay/airtime",
                                       .callback_secret = "0123456789abcdef",
                                       .callback_token = TOKEN};
static struct airtime rail;
static struct arena arena;

static const struct rail_charge charge = {.our_ref = {REF, sizeof REF - 1},
                                          .payer = {"2250700000001", 13},
                                          .first_sent_s = SENT,
                                          .last_sent_s = SENT + 60,
                                          .amount_minor = 100,
                                          .currency = {"XOF", 3},
                                          .label = {"Pass d'un jour", 14}};

static int setup(void **state)
{
    bool on;
    struct err e = {0};

    (void)state;
    arena_init(&arena, 4096, 1 << 18);
    clock_set_fake(1, (int64_t)SENT * 1000000);
    return airtime_init(&rail, &config, &on, &e) == 0 && on ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    clock_set_real();
    arena_fini(&arena);
    return 0;
}

static struct rail_charge known_as(const char *rail_ref)
{
    struct rail_charge c = charge;

    c.rail_ref = str_c(rail_ref);
    return c;
}

static struct rail_refund refund_of(const char *rail_ref, const char *refund_ref)
{
    return (struct rail_refund){
        .charge = known_as(rail_ref), .our_ref = STR(REFUND), .rail_refund_ref = str_c(refund_ref)};
}

#endif
