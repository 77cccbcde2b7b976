/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carriers' callbacks: the first byte picks the profile, then a line of query and address, then the
 * body. Whatever is accepted keeps its ceilings and can be rendered back.
 */
#include <stdint.h>
#include <stdlib.h>

#include "tests/fuzz/http_profiles.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_render(const struct profile *p, const struct ussd_event *ev)
{
    const struct menu_option option = {ev->input, ev->input, MENU_OPT_CHOICE};
    struct profile_say say = {.text = ev->input,
                              .head = ev->input,
                              .options = &option,
                              .noptions = 1,
                              .ev = ev,
                              .token = STR("token")};
    struct buf out;

    buf_init(&out, 1 << 16);
    for (int kind = 0; kind < TEMPLATES; kind++) {
        say.kind = (enum profile_reply)kind;
        profile_render(p, &say, &out);
    }
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct profile_scratch scratch;
    struct ussd_event ev;
    struct err e = {0};

    if (nprofiles == 0)
        profiles_load();
    if (size == 0)
        return 0;
    const struct profile *p = &profiles[data[0] % nprofiles];
    struct str bytes = str_n(data + 1, size - 1), first, rest;

    /* one line for the address and its query, the rest is the body */
    str_cut(bytes, '\n', &first, &rest);
    struct profile_request rq = {.method = p->method == METHOD_GET ? HTTP_GET : HTTP_POST,
                                 .query = first,
                                 .body = rest.n > 0 ? rest : bytes,
                                 .tail = first,
                                 .short_code = STR("*384*26#")};

    if (profile_parse(p, &rq, &scratch, &ev, &e) != 0)
        return 0;
    if (ev.session.n > USSD_SESSION_MAX || ev.number.n > USSD_NUMBER_MAX ||
        ev.input.n > USSD_INPUT_MAX)
        abort();
    check_render(p, &ev);
    return 0;
}
