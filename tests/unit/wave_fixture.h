/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One configured Wave rail and one charge, for the programs that test its answers and its requests.
 */
#ifndef COKO_TESTS_WAVE_FIXTURE_H
#define COKO_TESTS_WAVE_FIXTURE_H

#include "gateway/money/wave.h"

#define REF "0b8f6d6e-9c2a-4f64-8b7a-0d1e2f3a4b5c"
#define COS "cos-18qq25rgr100a"

static struct wave_config config = {.base_url = "https://rail.test",
                                    .api_key = "wave_sn_prod_key",
                                    .signing_secret = "",
                                    .webhook_secret = "coko-test-secret",
                                    .webhook_secret_previous = "",
                                    .callback_secret = "0123456789abcdef",
                                    .success_url = "https://us.test/paid",
                                    .error_url = "https://us.test/error"};
static struct wave rail;
static struct arena arena;

static const struct rail_charge charge = {.our_ref = {REF, sizeof REF - 1},
                                          .payer = {"221770000001", 12},
                                          .by_link = true,
                                          .amount_minor = 2500,
                                          .currency = {"XOF", 3},
                                          .label = {"Pass jour", 9}};

static int setup(void **state)
{
    bool on;
    struct err e = {0};

    (void)state;
    arena_init(&arena, 4096, 1 << 18);
    return wave_init(&rail, &config, &on, &e) == 0 && on ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

#endif
