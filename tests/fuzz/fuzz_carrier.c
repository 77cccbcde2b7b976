/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carriers' callbacks. Input: the profile's name, a line of address and query, then the body, whose
 * lines are the headers too. Whatever is accepted keeps its ceilings and can be rendered back.
 */
#include <stdint.h>
#include <stdlib.h>

#include "gateway/lib/map.h"
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

/* By its name: a seed stays its carrier's when another one is added. Any other name is some carrier's. */
static const struct profile *profile_of(struct str name)
{
    for (size_t i = 0; i < nprofiles; i++) {
        if (str_eq_c(name, profiles[i].name))
            return &profiles[i];
    }
    return &profiles[map_hash(name) % nprofiles];
}

static void read_headers(struct str lines, struct http_head *head)
{
    struct str line;

    head->nheaders = 0;
    while (lines.n > 0 && head->nheaders < HTTP_HEADERS_MAX) {
        struct http_header *h = &head->headers[head->nheaders];

        str_cut(lines, '\n', &line, &lines);
        head->nheaders += str_cut(line, ':', &h->name, &h->value);
    }
}

static void check_event(const struct ussd_event *ev)
{
    bool word = ev->language.n == 0 || ev->language.n == 2 || ev->language.n == 3;

    if (ev->session.n > USSD_SESSION_MAX || ev->number.n > USSD_NUMBER_MAX ||
        ev->input.n > USSD_INPUT_MAX || !word)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct profile_scratch scratch;
    static struct http_head head;
    struct ussd_event ev;
    struct str name, first, rest, tail, query;
    struct err e = {0};

    if (nprofiles == 0)
        profiles_load();
    str_cut(str_n(data, size), '\n', &name, &rest);
    str_cut(rest, '\n', &first, &rest);
    if (!str_cut(first, '?', &tail, &query))
        query = first;
    read_headers(rest, &head);
    const struct profile *p = profile_of(name);
    struct profile_request rq = {.method = p->method == METHOD_GET ? HTTP_GET : HTTP_POST,
                                 .query = query,
                                 .body = rest.n > 0 ? rest : first,
                                 .head = &head,
                                 .tail = tail,
                                 .short_code = STR("*384*26#")};

    if (profile_parse(p, &rq, &scratch, &ev, &e) != 0)
        return 0;
    check_event(&ev);
    check_render(p, &ev);
    return 0;
}
