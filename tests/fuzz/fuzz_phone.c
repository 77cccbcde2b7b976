/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to a phone, and what is typed on it: the first byte picks the profile, a line is typed, the
 * rest is the answer. An answer that is taken gives a screen under its ceiling and at most the
 * menu's choices, and a hop can be written from it.
 */
#include <stdint.h>
#include <stdlib.h>

#include "gateway/phone/carrier.h"
#include "tests/fuzz/http_profiles.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str any_header(void *arg, const char *name)
{
    const struct profile *p = arg;

    for (unsigned i = 0; i < p->nheaders; i++) {
        if (strcmp(p->headers[i].name, name) == 0)
            return str_c(p->headers[i].value[REPLY_CONTINUE]);
    }
    return STR_EMPTY;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str typed, answer;
    struct phone_call call;
    struct err e = {0};

    if (nprofiles == 0)
        profiles_load();
    if (size < 1)
        return 0;
    struct profile *p = &profiles[data[0] % nprofiles];

    (void)!str_cut(str_n(data + 1, size - 1), '\n', &typed, &answer);
    phone_call_init(&call, p, &(struct phone_sim){.code = "*384*26#"});
    if (phone_dial(&call, STR_EMPTY, &e) != 0)
        abort();
    if (phone_answered(&call, 200, answer, any_header, p, &e) == 0) {
        if (call.screen.text.len > PHONE_BODY_MAX || call.screen.nchoices > MENU_OPTIONS_MAX)
            abort();
        (void)!phone_answer(&call, typed, &e);
    }
    phone_call_fini(&call);
    return 0;
}
