/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phone's side of every profile we ship: what it writes the daemon reads as it was meant, what
 * the daemon renders it reads back, and no answer from a network costs more than a bounded time.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/phone/carrier.h"
#include "gateway/ussd/profile_names.h"

#define PROFILES COKO_SOURCE_DIR "/gateway/ussd/profiles"

static const struct phone_hop hop = {.no = 1,
                                     .session = STR_INIT("77001"),
                                     .number = STR_INIT("2250700000001"),
                                     .code = STR_INIT("*384*26#"),
                                     .network = STR_INIT("mtn"),
                                     .input = STR_INIT("*384*26#"),
                                     .user = STR_INIT("us er"),
                                     .password = STR_INIT("p&<w")};

static void each_profile(void (*fn)(const struct profile *p))
{
    struct buf names;
    struct str rest, name;
    unsigned n = 0;

    buf_init(&names, 1 << 16);
    phone_profiles(PROFILES, &names);
    rest = buf_str(&names);
    while (str_split(&rest, ' ', &name)) {
        char word[64];
        struct err e = {0};

        assert_true(str_to_c(name, word, sizeof word));
        struct profile *p = phone_profile(PROFILES, word, &e);

        assert_non_null(p);
        if (p->body != PROFILE_SMPP) {
            fn(p);
            n++;
        }
        free(p);
    }
    buf_fini(&names);
    assert_true(n >= 27);
}

/* ---- what is written is read as it was meant ---- */

static void parse(const struct profile *p, const struct phone_request *out, struct ussd_event *ev,
                  struct profile_scratch *s)
{
    struct str rest = buf_str(&out->lines), line;
    struct http_head head = {.method = out->method};
    struct profile_request rq = {
        .method = out->method, .body = buf_str(&out->body), .head = &head, .short_code = hop.code};
    struct err e = {0};

    while (str_split(&rest, '\n', &line)) {
        struct http_header *h = &head.headers[head.nheaders];

        if (str_cut(line, ':', &h->name, &h->value)) {
            h->value = str_trim(h->value);
            head.nheaders++;
        }
    }
    (void)!str_cut(buf_str(&out->target), '?', &rq.tail, &rq.query);
    rq.tail = str_skip(rq.tail, rq.tail.n > 0);
    assert_int_equal(profile_route(p, &rq), 0);
    if (profile_parse(p, &rq, s, ev, &e) != 0)
        fail_msg("%s: %s\n%.*s", p->name, e.msg, STR_ARG(rq.body));
}

static void assert_str(struct str got, const char *want)
{
    assert_true(str_eq_c(got, want));
}

static void check_kind(const struct profile *p, enum ussd_kind kind)
{
    struct phone_hop h = hop;
    struct profile_scratch s;
    struct phone_request rq;
    struct ussd_event ev;
    struct err e = {0};

    h.kind = kind;
    if (kind == USSD_CONTINUE) {
        h.no = 2;
        h.input = h.path = STR("1");
        h.step = STR("7");
        h.token = p->fields[FIELD_TOKEN].n ? STR("AAAAAAAAAAAAAAAA") : STR_EMPTY;
    }
    phone_request_init(&rq);
    assert_int_equal(phone_write(p, &h, &rq, &e), phone_tells(p, kind) ? 0 : -1);
    if (phone_tells(p, kind)) {
        parse(p, &rq, &ev, &s);
        assert_true(ev.kind == kind || (ev.kind == USSD_UNSAID && kind <= USSD_CONTINUE));
        assert_str(ev.session, "77001");
        assert_true(str_find(ev.number, hop.number) >= 0);
        if (kind == USSD_CONTINUE)
            assert_str(ev.input, "1");
        if (p->fields[FIELD_USER].n > 0)
            assert_str(s.value[FIELD_USER], "us er");
        if (p->fields[FIELD_PASSWORD].n > 0)
            assert_str(s.value[FIELD_PASSWORD], "p&<w");
        if (p->step == STEP_ECHO && p->fields[FIELD_SEQUENCE].n > 0 && kind == USSD_CONTINUE)
            assert_int_equal(ev.sequence, 7);
    }
    phone_request_fini(&rq);
}

static void check_kinds(const struct profile *p)
{
    check_kind(p, USSD_BEGIN);
    check_kind(p, USSD_CONTINUE);
    check_kind(p, USSD_ABORT);
    check_kind(p, USSD_TIMEOUT);
    assert_true(phone_tells(p, USSD_BEGIN) && phone_tells(p, USSD_CONTINUE));
}

static void test_every_profile_reads_what_its_phone_writes(void **state)
{
    (void)state;
    each_profile(check_kinds);
}

/* ---- what is rendered is read back ---- */

struct outcome {
    const struct profile *p;
    enum profile_reply kind;
};

static struct str header(void *arg, const char *name)
{
    const struct outcome *o = arg;

    for (unsigned i = 0; i < o->p->nheaders; i++) {
        if (strcmp(o->p->headers[i].name, name) == 0)
            return str_c(o->p->headers[i].value[o->kind]);
    }
    return STR_EMPTY;
}

static const struct menu_option options[] = {
    {STR_INIT("1"), STR_INIT("A \"b\" & <c>"), MENU_OPT_CHOICE},
    {STR_INIT("0"), STR_INIT("Back"), MENU_OPT_BACK}};

static void check_reply(const struct profile *p, enum profile_reply kind, const char *text)
{
    const struct ussd_event ev = {.session = STR_INIT("77001"), .number = STR_INIT("225")};
    const struct profile_say say = {.kind = kind,
                                    .text = str_c(text),
                                    .head = STR("Choose"),
                                    .options = options,
                                    .noptions = ARRAY_LEN(options),
                                    .ev = &ev,
                                    .step = 8,
                                    .token = STR("BBBBBBBBBBBBBBBB"),
                                    .state = STR("sealed_-"),
                                    .own = STR("0f")};
    bool rows = strstr(p->reply[kind], "$options") != NULL;
    struct outcome o = {p, kind == REPLY_INPUT ? REPLY_CONTINUE : kind};
    struct phone_screen s;
    struct buf raw, whole;
    struct err e = {0};

    buf_init(&raw, 1 << 16);
    buf_init(&whole, 1 << 16);
    phone_screen_init(&s);
    profile_render(p, &say, &raw);
    struct str body = buf_str(&raw);

    (void)profile_said(p, &body);
    profile_fill(p, body,
                 &(struct profile_fill){.url = STR("https://h/ussd/x/s"), .number = ev.number},
                 &whole);
    if (phone_read(p, buf_str(&whole), header, &o, false, &s, &e) != 0)
        fail_msg("%s\n%.*s", e.msg, STR_ARG(buf_str(&whole)));
    assert_int_equal(s.kind == REPLY_END, kind == REPLY_END);
    assert_str(buf_str(&s.text), rows ? "Choose\n1 A \"b\" & <c>\n0 Back" : text);
    assert_int_equal(s.nchoices, rows ? 2 : 0);
    if (strstr(p->reply[kind], "$step"))
        assert_str(buf_str(&s.step), "8");
    if (strstr(p->reply[kind], "$link") || rows)
        assert_true(p->fields[FIELD_TOKEN].n == 0 ||
                    str_eq_c(buf_str(&s.token), "BBBBBBBBBBBBBBBB"));
    if (strstr(p->reply[kind], "$state"))
        assert_str(buf_str(&s.state), "sealed_-");
    phone_screen_fini(&s);
    buf_fini(&raw);
    buf_fini(&whole);
}

static void check_replies(const struct profile *p)
{
    static const char *const texts[] = {"Hello", "a\nb", "\"q\" \\ {c} <d> & 'e' $f",
                                        "END CON &amp; <br", "x"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        check_reply(p, REPLY_CONTINUE, texts[i]);
        check_reply(p, REPLY_INPUT, texts[i]);
        check_reply(p, REPLY_END, texts[i]);
    }
}

static void test_every_profile_is_read_back(void **state)
{
    (void)state;
    each_profile(check_replies);
}

/* ---- answers that no daemon of ours gives ---- */

static void check_hostile(const struct profile *p)
{
    struct outcome o = {p, REPLY_CONTINUE};
    struct phone_screen s;
    struct buf b;
    struct err e = {0};

    buf_init(&b, PHONE_ANSWER_MAX);
    phone_screen_init(&s);
    for (int piece = 0; piece < 3; piece++) { /* each of the template's parts, over and over */
        struct str t = str_c(p->reply[piece % 2 ? REPLY_END : REPLY_CONTINUE]), part;

        buf_reset(&b);
        for (int i = 0; i < 400; i++) {
            struct str rest = t;

            while (str_split(&rest, '$', &part))
                buf_adds(&b, str_head(part, 20));
        }
        (void)!phone_read(p, buf_str(&b), header, &o, piece == 2, &s, &e);
        (void)!phone_read(p, str_head(buf_str(&b), 7), header, &o, false, &s, &e);
    }
    assert_int_equal(phone_read(p, STR("<html>502</html>"), header, &o, false, &s, &e),
                     p->nheaders > 0 && !p->asynchronous ? 0 : -1);
    phone_screen_fini(&s);
    buf_fini(&b);
}

static void test_hostile_answers_end_soon(void **state)
{
    (void)state;
    each_profile(check_hostile);
}

/* ---- small things ---- */

static void test_an_example_is_a_number_of_its_country(void **state)
{
    static const char *const countries[] = {"CI", "SN", "BJ", "GH", "KE",
                                            "NG", "ZA", "TZ", "RW", "ML"};
    char number[MSISDN_MAX + 1];
    struct msisdn m;
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(countries); i++) {
        phone_example(countries[i], number);
        assert_int_equal(msisdn_parse(str_c(number), countries[i], &m, &e), 0);
        assert_string_equal(m.country, countries[i]);
    }
    phone_example("XX", number);
    assert_string_equal(number, "2250700000001");
}

static void test_names_of_fields(void **state)
{
    (void)state;
    assert_string_equal(profile_field_name(FIELD_SESSION), "session");
    assert_string_equal(profile_field_name((enum profile_field)(FIELD_ECHO + 1)), "echo");
    assert_int_equal(profile_field_max(FIELD_NUMBER), USSD_NUMBER_MAX);
}

static void test_a_name_of_another_folder_is_none(void **state)
{
    struct err e = {0};

    (void)state;
    assert_null(phone_profile(PROFILES, "../profiles/moov", &e));
    assert_null(phone_profile(PROFILES, "nobody", &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_profile_reads_what_its_phone_writes),
        cmocka_unit_test(test_every_profile_is_read_back),
        cmocka_unit_test(test_hostile_answers_end_soon),
        cmocka_unit_test(test_an_example_is_a_number_of_its_country),
        cmocka_unit_test(test_names_of_fields),
        cmocka_unit_test(test_a_name_of_another_folder_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
