/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both rails of Sonatel, configured, and one charge of each kind, for the programs that test their
 * answers and their requests.
 */
#ifndef COKO_TESTS_SONATEL_FIXTURE_H
#define COKO_TESTS_SONATEL_FIXTURE_H

#include "gateway/money/sonatel.h"

#define REF "0b8f6d6e-9c2a-4f64-8b7a-0d1e2f3a4b5c"

static struct sonatel_config config = {.base_url = "https://rail.test",
                                       .token_path = "/oauth/v1/token",
                                       .client_id = "id",
                                       .client_secret = "a+b/c",
                                       .merchant_code = "123456",
                                       .merchant_name = "Coko",
                                       .callback_url = "https://us.test/pay",
                                       .callback_secret = "0123456789abcdef",
                                       .callback_api_key = "key-of-callbacks",
                                       .signing_secret = "coko-test-secret",
                                       .signing_secret_previous = "",
                                       .return_url = "",
                                       .retailer = "771000001",
                                       .retailer_pin = "2468",
                                       .link_ms = 1800000};
static struct sonatel onestep, qr;
static struct arena arena;

static const struct rail_charge charge = {.our_ref = {REF, sizeof REF - 1},
                                          .payer = {"221771234567", 12},
                                          .country = {"SN", 2},
                                          .network = {"orange", 6},
                                          .otp = {"012345", 6},
                                          .amount_minor = 2500,
                                          .currency = {"XOF", 3},
                                          .label = {"Pass jour", 9}};

static int setup(void **state)
{
    struct err e = {0};
    bool on, too;

    (void)state;
    arena_init(&arena, 4096, 1 << 18);
    return sonatel_init(&onestep, &orange_sonatel_type, &config, &on, &e) == 0 && on &&
                   sonatel_init(&qr, &orange_qr_type, &config, &too, &e) == 0 && too
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

#endif
