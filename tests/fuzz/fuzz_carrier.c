/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carriers' callbacks: the first byte picks the profile, the rest is query and body. Whatever is
 * accepted keeps its ceilings and can be rendered back.
 */
#include <stdint.h>
#include <stdlib.h>

#include "gateway/ussd/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const files[] = {COKO_SOURCE_DIR "/gateway/ussd/profiles/africastalking.json",
                                    COKO_SOURCE_DIR "/gateway/ussd/profiles/hubtel.json"};
static struct profile profiles[ARRAY_LEN(files)];

static void load(void)
{
    struct fault_list faults;

    fault_init(&faults);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (profile_load(files[i], &profiles[i], &faults) != 0)
            abort();
    }
    fault_fini(&faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct profile_scratch scratch;
    struct ussd_event ev;
    struct err e = {0};
    struct buf out;

    if (!*profiles[0].name)
        load();
    if (size == 0)
        return 0;
    const struct profile *p = &profiles[data[0] % ARRAY_LEN(files)];
    struct str bytes = str_n(data + 1, size - 1);

    if (profile_parse(p, bytes, bytes, &scratch, &ev, &e) != 0)
        return 0;
    if (ev.session.n == 0 || ev.session.n > USSD_SESSION_MAX || ev.number.n > USSD_NUMBER_MAX ||
        ev.input.n > USSD_INPUT_MAX)
        abort();
    buf_init(&out, 1 << 16);
    profile_render(p, REPLY_CONTINUE, ev.input, ev.session, &out);
    buf_fini(&out);
    return 0;
}
