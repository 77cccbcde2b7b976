/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One configured MTN rail and one charge, for the programs that test its answers and its requests.
 */
#ifndef COKO_TESTS_MTN_FIXTURE_H
#define COKO_TESTS_MTN_FIXTURE_H

#include "gateway/money/mtn_momo.h"

#define REF "0b8f6d6e-9c2a-4f64-8b7a-0d1e2f3a4b5c"

static struct mtn_momo_config config = {.base_url = "https://rail.test",
                                        .target_environment = "mtnivorycoast",
                                        .user_id = "11111111-2222-4333-8444-555555555555",
                                        .api_key = "key",
                                        .subscription_key = "sub",
                                        .disbursement_user_id =
                                            "22222222-3333-4444-8555-666666666666",
                                        .disbursement_api_key = "give",
                                        .disbursement_key = "giver",
                                        .callback_url = "https://us.test/pay/mtn_momo",
                                        .callback_secret = "0123456789abcdef"};
static struct mtn_momo rail;
static struct arena arena;

static const struct rail_charge charge = {.our_ref = {REF, sizeof REF - 1},
                                          .payer = {"2250500000001", 13},
                                          .amount_minor = 2500,
                                          .currency = {"XOF", 3},
                                          .label = {"Pass jour", 9}};

static int setup(void **state)
{
    bool on;
    struct err e = {0};

    (void)state;
    arena_init(&arena, 4096, 1 << 18);
    return mtn_momo_init(&rail, &config, &on, &e) == 0 && on ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

#endif
