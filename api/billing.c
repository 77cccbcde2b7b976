/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See billing.h.
 */
#include "api/billing.h"

#include "gateway/lib/msisdn.h"
#include "gateway/lib/private_number.h"
#include "gateway/lib/reader_code.h"

static void redeem_begin(struct call *c)
{
    char code[READER_CODE_MAX + 1], macs[READER_CODE_MACS_MAX];

    if (!reader_code_read(call_param(c, "code")->text, code)) {
        problem_pointer(&c->problem, STR("code"), "invalid", "is not a code of 10 to 20 digits");
        return;
    }
    reader_code_macs(c->a->d.ring, str_c(code), macs);
    crypto_wipe(code, sizeof code);
    call_var_text(c, "macs", str_c(macs));
}

static void gift_begin(struct call *c)
{
    const struct param_value *country = call_param(c, "country");
    char iso[3] = "", json[PRIVATE_NUMBER_MAX];
    struct msisdn number;
    struct err e;

    (void)!str_to_c(country->present ? country->text : str_c(c->a->c.otp_country_default), iso,
                    sizeof iso);
    if (msisdn_parse(call_param(c, "phone")->text, iso, &number, &e) != 0 || !*number.country) {
        problem_pointer(&c->problem, STR("phone"), "invalid",
                        "is not a phone number of a country that is served");
        return;
    }
    private_number(c->a->d.ring, &number, json);
    call_var_text(c, "friend", str_c(json));
}

static const char *const redeem_vars[] = {"macs", NULL};
static const char *const gift_vars[] = {"friend", NULL};

const struct call_handler redeem_handler = {
    .name = "redeem", .vars = redeem_vars, .begin = redeem_begin};
const struct call_handler gift_handler = {.name = "gift", .vars = gift_vars, .begin = gift_begin};
