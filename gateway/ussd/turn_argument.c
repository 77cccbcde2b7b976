/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reader typed and no row may have in clear: a voucher's code becomes its keyed hashes, the
 * number of somebody else what auth.identity_find takes. See reader_code.h and turn_parts.h.
 */
#include "gateway/lib/msisdn.h"
#include "gateway/lib/private_number.h"
#include "gateway/lib/reader_code.h"
#include "gateway/ussd/turn_parts.h"

/* Of something else than a code: one that no row has. */
static struct str code_argument(struct turn *t, struct str typed)
{
    char code[READER_CODE_MAX + 1], macs[READER_CODE_MACS_MAX];

    if (!reader_code_read(typed, code))
        return STR("{}");
    reader_code_macs(t->u->d.ring, str_c(code), macs);
    crypto_wipe(code, sizeof code);
    return arena_str(&t->arena, str_c(macs));
}

/* The menu's own input has checked it; digits are E.164 without "+". */
static struct str number_argument(struct turn *t, struct str digits)
{
    char json[PRIVATE_NUMBER_MAX];
    struct msisdn number;
    struct err e;

    if (msisdn_parse(str_c(arena_printf(&t->arena, "+%" STR_FMT, STR_ARG(digits))), NULL, &number,
                     &e) != 0)
        return (struct str){NULL, 0};
    private_number(t->u->d.ring, &number, json);
    return arena_str(&t->arena, str_c(json));
}

struct str turn_argument(struct turn *t, const struct menu_action *a, size_t i, struct str value)
{
    if (value.p && a->codes & 1u << i)
        return code_argument(t, value);
    if (value.p && a->numbers & 1u << i)
        return number_argument(t, value);
    return value;
}
