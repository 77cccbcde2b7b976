/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A carrier's profile is an operator's file: a broken one is told, never half believed. What loads
 * reads a callback and renders a reply. Input: the profile, a NUL, a callback.
 */
#include <stdlib.h>

#include "gateway/ussd/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct profile *p, struct str callback)
{
    static struct profile_scratch scratch;
    struct ussd_event ev;
    struct err e = {0};
    struct buf out;

    if (p->deadline_ms == 0 || p->deadline_ms > PROFILE_DEADLINE_CAP_MS)
        abort();
    struct profile_request rq = {
        .method = HTTP_POST, .query = callback, .body = callback, .tail = STR("a/b/c")};

    if (profile_parse(p, &rq, &scratch, &ev, &e) != 0)
        ev = (struct ussd_event){.session = STR("s"), .input = STR("\"1\"")};
    buf_init(&out, 1 << 16);
    for (int kind = 0; kind < TEMPLATES; kind++) {
        struct profile_say say = {
            .kind = (enum profile_reply)kind, .text = ev.input, .head = ev.input, .ev = &ev};

        profile_render(p, &say, &out);
    }
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct profile p;
    struct str profile, callback;
    struct fault_list faults;

    str_cut(str_n(data, size), '\0', &profile, &callback);
    fault_init(&faults);
    if (profile_load_bytes("fuzz.json", profile, &p, &faults) == 0)
        use(&p, callback);
    else if (faults.count == 0)
        abort();
    fault_fini(&faults);
    return 0;
}
