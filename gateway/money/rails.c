/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rails this program has. See rail.h.
 */
#include <stdlib.h>

#include "gateway/money/airtime.h"
#include "gateway/money/mpesa.h"
#include "gateway/money/mtn_momo.h"
#include "gateway/money/orange_web.h"
#include "gateway/money/rail.h"
#include "gateway/money/sonatel.h"
#include "gateway/money/wave.h"

const struct rail_module *const rail_modules[] = {
    &mtn_momo_module,  &wave_module,       &mpesa_module,   &orange_sonatel_module,
    &orange_qr_module, &orange_web_module, &airtime_module,
};
const size_t rail_modules_count = ARRAY_LEN(rail_modules);
_Static_assert(ARRAY_LEN(rail_modules) <= RAIL_MODULES_MAX, "config.h has a place for each");

int rail_modules_load(struct option_source *src, void *rails[])
{
    int bad = 0;

    for (size_t i = 0; i < rail_modules_count; i++) {
        const struct rail_module *mod = rail_modules[i];

        rails[i] = NULL;
        for (size_t k = 0; k < i; k++)
            rails[i] = rail_modules[k] == mod->config_of ? rails[k] : rails[i];
        if (rails[i])
            continue;
        rails[i] = arena_zalloc(src->arena, 1, mod->config_size);
        if (!rails[i])
            abort();
        bad |= option_load(src, mod->options, mod->noptions, rails[i]);
    }
    return bad;
}

const char *const rail_header_names[RAIL_HEADERS] = {
    [RAIL_CONTENT_TYPE] = "content-type",
    [RAIL_REFERENCE_ID] = "x-reference-id",
    [RAIL_AUTHORIZATION] = "authorization",
    [RAIL_WAVE_SIGNATURE] = "wave-signature",
    [RAIL_SONATEL_SIGNATURE] = "x-sonatel-signature",
    [RAIL_SONATEL_IDEMPOTENCY_KEY] = "x-sonatel-idempotency-key",
};
