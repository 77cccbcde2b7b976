/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See carrier.h.
 */
#include "gateway/phone/carrier.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/gsm.h"

/* ---- profiles ---- */

struct profile *phone_profile(const char *dir, const char *name, struct err *e)
{
    struct profile *p = calloc(1, sizeof *p);
    struct fault_list faults;
    char path[1024];

    if (!p)
        abort();
    fault_init(&faults);
    snprintf(path, sizeof path, "%s/%s.json", dir, name);
    int rc = strchr(name, '/') ? err_set(e, ERR_BAD_INPUT, "no name of a carrier")
                               : profile_load(path, p, &faults);

    if (rc != 0) {
        if (faults.count > 0)
            (void)err_set(e, ERR_BAD_CONFIG, "%" STR_FMT, STR_ARG(str_trim(buf_str(&faults.text))));
        free(p);
        p = NULL;
    }
    fault_fini(&faults);
    return p;
}

static int is_json(const struct dirent *d)
{
    return str_ends(str_c(d->d_name), STR(".json"));
}

void phone_profiles(const char *dir, struct buf *out)
{
    struct dirent **list;
    int n = scandir(dir, &list, is_json, alphasort);

    for (int i = 0; i < n; i++) {
        struct str name = str_c(list[i]->d_name);

        if (out->len > 0)
            buf_addc(out, ' ');
        buf_adds(out, str_head(name, name.n - 5));
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

void phone_example(const char *country, char out[MSISDN_MAX + 1])
{
    const char *dial = msisdn_dial_code(country);
    struct msisdn m;
    struct err e = {0};

    for (int n = 10; dial && n >= 7; n--) { /* digits of the national number */
        snprintf(out, MSISDN_MAX + 1, "%s%s%0*d1", dial, n == 10 ? "07" : "7", n == 10 ? 7 : n - 2,
                 0);
        if (msisdn_parse(str_c(out), country, &m, &e) == 0 && strcmp(m.country, country) == 0 &&
            strcmp(m.digits, out) == 0)
            return;
    }
    snprintf(out, MSISDN_MAX + 1, "2250700000001");
}

/* ---- the phone ---- */

/* "*384*26#" -> "*384*26" */
static struct str code_stem(struct str code)
{
    return str_ends(code, STR("#")) ? str_head(code, code.n - 1) : code;
}

void phone_call_init(struct phone_call *c, const struct profile *p, const struct phone_sim *sim)
{
    struct str number = str_c(sim->number);

    *c = (struct phone_call){.profile = p, .sim = *sim};
    number = str_starts(number, STR("+")) ? str_skip(number, 1) : number;
    if (number.n == 0)
        phone_example(p->country, c->number);
    else if (!str_to_c(number, c->number, sizeof c->number))
        c->number[0] = '\0';
    buf_init(&c->path, PHONE_TARGET_MAX);
    buf_init(&c->last, PHONE_ANSWER_MAX);
    phone_request_init(&c->request);
    phone_screen_init(&c->screen);
}

void phone_call_fini(struct phone_call *c)
{
    buf_fini(&c->path);
    buf_fini(&c->last);
    phone_request_fini(&c->request);
    phone_screen_fini(&c->screen);
}

static void new_session(struct phone_call *c)
{
    uint8_t random[PHONE_SESSION_MAX / 2];
    struct buf hex;

    if (!c->sim.session || !str_to_c(str_c(c->sim.session), c->session, sizeof c->session)) {
        crypto_random(random, sizeof random);
        buf_init_fixed(&hex, c->session, PHONE_SESSION_MAX);
        hex_encode(&hex, random, sizeof random);
        c->session[PHONE_SESSION_MAX] = '\0';
    }
    c->hops = 0;
    c->open = false;
    buf_reset(&c->path);
    buf_reset(&c->screen.step);
    buf_reset(&c->screen.token);
    buf_reset(&c->screen.state);
}

static int write_hop(struct phone_call *c, enum ussd_kind kind, struct str input, struct err *e)
{
    const struct phone_hop hop = {.kind = kind,
                                  .no = c->hops + 1,
                                  .session = str_c(c->session),
                                  .number = str_c(c->number),
                                  .code = str_c(c->sim.code),
                                  .network = str_c(c->sim.network),
                                  .input = input,
                                  .path = buf_str(&c->path),
                                  .user = str_c(c->sim.user),
                                  .password = str_c(c->sim.password),
                                  .step = buf_str(&c->screen.step),
                                  .token = buf_str(&c->screen.token),
                                  .state = buf_str(&c->screen.state)};

    if (phone_write(c->profile, &hop, &c->request, e) != 0)
        return -1;
    c->hops++;
    return 0;
}

int phone_dial(struct phone_call *c, struct str dialled, struct err *e)
{
    struct str code = str_c(c->sim.code), stem = code_stem(code);

    if (dialled.n == 0)
        dialled = code;
    struct str rest = str_skip(dialled, stem.n);

    if (!str_starts(dialled, stem) || !str_ends(rest, STR("#")) || (rest.n > 1 && *rest.p != '*'))
        return err_set(e, ERR_BAD_INPUT, "%" STR_FMT " is no code of this service, %s is",
                       STR_ARG(str_head(dialled, 40)), c->sim.code);
    new_session(c);
    buf_adds(&c->path, str_skip(code_stem(rest), 1)); /* *384*26*1*2# arrives as 1*2 */
    return write_hop(c, USSD_BEGIN, dialled, e);
}

/* Where the choices are links, nothing else can be sent. */
static bool can_send(const struct phone_call *c, struct str input)
{
    if (c->screen.nchoices == 0 || !strstr(c->profile->row[0], "$link"))
        return true;
    for (size_t i = 0; i < c->screen.nchoices; i++) {
        if (str_eq(c->screen.choices[i].key, input))
            return true;
    }
    return false;
}

int phone_answer(struct phone_call *c, struct str input, struct err *e)
{
    if (!c->open)
        return err_set(e, ERR_BAD_STATE, "no session is open, dial %s", c->sim.code);
    if (!can_send(c, input))
        return err_set(e, ERR_BAD_INPUT, "the screen has no link %" STR_FMT,
                       STR_ARG(str_head(input, 40)));
    /* the first input has no star before it unless something was dialled */
    if (c->path.len > 0 || c->hops > 1)
        buf_addc(&c->path, '*');
    buf_adds(&c->path, input);
    return write_hop(c, USSD_CONTINUE, input, e);
}

int phone_leave(struct phone_call *c, enum ussd_kind kind, struct err *e)
{
    if (!c->open)
        return err_set(e, ERR_BAD_STATE, "no session is open");
    return write_hop(c, kind, STR_EMPTY, e);
}

int phone_answered(struct phone_call *c, int status, struct str body, phone_header *header,
                   void *arg, struct err *e)
{
    c->open = false;
    buf_reset(&c->screen.text);
    buf_reset(&c->last);
    buf_adds(&c->last, body);
    if (status != 200)
        return err_set(e, ERR_HTTP, "the service answered %d", status);
    if (buf_check(&c->last, e) != 0 ||
        phone_read(c->profile, body, header, arg, false, &c->screen, e) != 0)
        return -1;
    c->open = c->screen.kind != REPLY_END;
    return 0;
}

bool phone_screen_count(const struct profile *p, struct str screen, char *out, size_t cap)
{
    ssize_t septets = gsm_septets(screen);
    size_t units = ucs2_units(screen);

    if (septets >= 0) {
        snprintf(out, cap, "%zd/%u", septets, p->limits.max);
        return septets <= (ssize_t)p->limits.max;
    }
    snprintf(out, cap, "%zu/%d UCS-2", units, PHONE_SCREEN_UCS2);
    return units <= PHONE_SCREEN_UCS2;
}
