/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carriers' wire formats: the shipped profiles on good, odd and hostile callbacks, and the loader on
 * broken profiles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/ussd/profile.h"
#include "tests/unit/guard.h"

#define PROFILES COKO_SOURCE_DIR "/gateway/ussd/profiles/"

static struct profile at, hubtel;

static int load(void **state)
{
    struct fault_list faults;
    int rc;

    (void)state;
    fault_init(&faults);
    rc = profile_load(PROFILES "africastalking.json", &at, &faults);
    rc |= profile_load(PROFILES "hubtel.json", &hubtel, &faults);
    fault_fini(&faults);
    return rc;
}

static int parse(const struct profile *p, const char *body, struct ussd_event *ev)
{
    static struct profile_scratch s;
    struct err e = {0};
    struct profile_request rq = {.method = HTTP_POST, .body = str_c(body)};

    return profile_parse(p, &rq, &s, ev, &e);
}

static void test_at_fields(void **state)
{
    struct ussd_event ev;

    (void)state;
    assert_int_equal(parse(&at,
                           "sessionId=ATUid_1&serviceCode=%2A384%2A26%23&phoneNumber="
                           "%2B221771234567&networkCode=60801&text=1%2A2%2Aa+b",
                           &ev),
                     0);
    assert_int_equal(ev.kind, USSD_UNSAID);
    assert_true(str_eq_c(ev.session, "ATUid_1"));
    assert_true(str_eq_c(ev.number, "+221771234567"));
    assert_true(str_eq_c(ev.service_code, "*384*26#"));
    assert_true(str_eq_c(ev.network, "60801"));
    assert_true(str_eq_c(ev.input, "1*2*a b"));
    assert_true(at.path);
}

static void test_hubtel_fields(void **state)
{
    struct ussd_event ev;

    (void)state; /* Sequence as text or number, Type in any case (hard case 33) */
    assert_int_equal(parse(&hubtel,
                           "{\"Type\":\"Initiation\",\"Message\":\"*384*26#\",\"ServiceCode\":"
                           "\"384\",\"Operator\":\"mtn\",\"Mobile\":\"233246912184\","
                           "\"SessionId\":\"0f1e\",\"Sequence\":\"1\",\"Platform\":\"USSD\"}",
                           &ev),
                     0);
    assert_int_equal(ev.kind, USSD_BEGIN);
    assert_true(ev.has_sequence);
    assert_int_equal(ev.sequence, 1);
    assert_int_equal(parse(&hubtel,
                           "{\"Type\":\"RESPONSE\",\"Message\":2,\"Mobile\":233246912184,"
                           "\"SessionId\":\"0f1e\",\"Sequence\":2}",
                           &ev),
                     0);
    assert_int_equal(ev.kind, USSD_CONTINUE);
    assert_true(str_eq_c(ev.input, "2"));
    assert_true(str_eq_c(ev.number, "233246912184"));
}

static void test_malformed_is_refused(void **state)
{
    static const struct {
        const struct profile *p;
        const char *body;
    } rows[] = {
        {&at, ""},
        {&at, "text=1&phoneNumber=%2B22177"},                 /* no session */
        {&at, "sessionId=&phoneNumber=1&text="},              /* empty session */
        {&at, "sessionId=a&sessionId=b&phoneNumber=1&text="}, /* a field twice */
        {&at, "sessionId=a%0d%0aX:1&phoneNumber=1&text="},    /* CR LF (hard case 32) */
        {&at, "sessionId=a%00&phoneNumber=1&text="},          /* NUL (hard case 31) */
        {&at, "sessionId=a&phoneNumber=%ff%fe&text="},        /* not UTF-8 */
        {&hubtel, "[]"},
        {&hubtel, "{"},
        {&hubtel, "{\"Type\":\"initiation\",\"Type\":\"release\"}"}, /* duplicate key */
        {&hubtel, "{\"Type\":\"hello\",\"Mobile\":\"1\",\"SessionId\":\"a\",\"Sequence\":1}"},
        {&hubtel, "{\"Type\":\"response\",\"Mobile\":\"1\",\"SessionId\":\"a\",\"Sequence\":-1}"},
        {&hubtel, "{\"Type\":\"response\",\"Mobile\":\"1\",\"SessionId\":\"a\"}"},
        {&hubtel, "{\"Type\":\"response\",\"Mobile\":{},\"SessionId\":\"a\",\"Sequence\":1}"},
        {&hubtel, "{\"Type\":\"response\",\"Mobile\":\"1\",\"SessionId\":\"a\\u0000\","
                  "\"Sequence\":1}"},
    };
    struct ussd_event ev;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (parse(rows[i].p, rows[i].body, &ev) != -1)
            fail_msg("accepted: %s", rows[i].body);
    }
}

static void test_a_path_over_the_ceiling_is_refused(void **state)
{
    static char body[USSD_INPUT_MAX + 200];
    struct ussd_event ev;
    int n = snprintf(body, sizeof body, "sessionId=a&phoneNumber=1&text=");

    (void)state; /* hard case 16 */
    memset(body + n, '1', USSD_INPUT_MAX);
    assert_int_equal(parse(&at, body, &ev), 0);
    body[n + USSD_INPUT_MAX] = '1';
    assert_int_equal(parse(&at, body, &ev), -1);
}

static void cut(const char *p, size_t n, void *ctx)
{
    static struct profile_scratch s;
    struct profile_request rq = {.method = HTTP_POST, .body = str_n(p, n)};
    struct ussd_event ev;
    struct err e = {0};

    (void)!profile_parse(ctx, &rq, &s, &ev, &e);
}

static void test_every_cut_stays_inside(void **state)
{
    static const char form[] = "sessionId=A%2&phoneNumber=%2B2217&text=1%2A2&networkCode=6";
    static const char json[] = "{\"Type\":\"response\",\"Message\":\"1\",\"Sequence\":\"2\"}";

    (void)state;
    guard_each_cut(form, sizeof form - 1, cut, &at);
    guard_each_cut(json, sizeof json - 1, cut, &hubtel);
}

static void render(const struct profile *p, enum profile_reply kind, struct str text,
                   const char *session, struct buf *b)
{
    struct ussd_event ev = {.session = str_c(session)};
    struct profile_say say = {.kind = kind, .text = text, .head = text, .ev = &ev};

    buf_reset(b);
    profile_render(p, &say, b);
}

static void test_replies(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    render(&at, REPLY_CONTINUE, STR("1. Lire\n$text 0"), "s", &b);
    assert_true(str_eq_c(buf_str(&b), "CON 1. Lire\n$text 0"));
    render(&at, REPLY_END, STR("CON rusé"), "s", &b);
    assert_true(str_eq_c(buf_str(&b), "END CON rusé"));
    render(&hubtel, REPLY_END, STR("a \"b\"\n\\"), "x\"y", &b);
    assert_non_null(strstr(buf_cstr(&b), "\"Type\":\"release\""));
    assert_non_null(strstr(buf_cstr(&b), "\"Message\":\"a \\\"b\\\"\\n\\\\\""));
    assert_non_null(strstr(buf_cstr(&b), "\"SessionId\":\"x\\\"y\""));
    buf_fini(&b);
}

static void test_all_faults_of_a_profile_at_once(void **state)
{
    static const char bad[] =
        "{\"name\":\"Bad Name\",\"method\":\"PUT\",\"body\":\"form\",\"input\":\"last\","
        "\"charset\":\"ebcdic\",\"country\":\"SN\",\"limit\":9,\"fields\":{\"session\":\"s\","
        "\"colour\":\"c\"},\"typo\":1,\"reply\":{\"type\":\"text/plain\",\"continue\":\"CON\","
        "\"end\":\"END $text\",\"silent\":\"\"}}";
    struct fault_list faults;
    struct profile p;

    (void)state;
    fault_init(&faults);
    assert_int_equal(profile_load_bytes("bad.json", str_c(bad), &p, &faults), -1);
    assert_int_equal(faults.count, 9);
    assert_non_null(strstr(buf_cstr(&faults.text), "bad.json: \"typo\""));
    fault_fini(&faults);
}

/* Without a sequence every input looks like a repetition of the first: each would get its reply. */
static void test_last_input_without_a_sequence_is_refused(void **state)
{
    static const char bad[] =
        "{\"name\":\"x\",\"method\":\"POST\",\"body\":\"form\",\"input\":\"last\","
        "\"charset\":\"gsm7\",\"country\":\"SN\",\"fields\":{\"session\":\"s\",\"number\":\"n\","
        "\"input\":\"i\"},\"reply\":{\"type\":\"text/plain\",\"continue\":\"CON $text\","
        "\"end\":\"END $text\",\"silent\":\"\"}}";
    struct fault_list faults;
    struct profile p;

    (void)state;
    fault_init(&faults);
    assert_int_equal(profile_load_bytes("bad.json", str_c(bad), &p, &faults), -1);
    assert_int_equal(faults.count, 1);
    assert_non_null(strstr(buf_cstr(&faults.text), "sequence"));
    fault_fini(&faults);
}

static size_t faults_of(const char *members, const char *word)
{
    struct fault_list faults;
    struct profile p;
    char text[1024];

    snprintf(text, sizeof text,
             "{\"name\":\"x\",\"method\":\"POST\",\"body\":\"form\",\"charset\":\"gsm7\","
             "\"country\":\"SN\",%s,\"reply\":{\"type\":\"text/plain\",\"continue\":\"CON $text\","
             "\"end\":\"END $text\",\"silent\":\"\"}}",
             members);
    fault_init(&faults);
    (void)!profile_load_bytes("x.json", str_c(text), &p, &faults);
    size_t n = faults.count;

    if (n > 0 && !strstr(buf_cstr(&faults.text), word))
        fail_msg("%s", buf_cstr(&faults.text));
    fault_fini(&faults);
    return n;
}

#define LAST "\"input\":\"last\",\"step\":\"message\","

static void test_08_a_session_that_is_the_number_must_be_told_to_begin(void **state)
{
    (void)state;
    assert_int_equal(faults_of(LAST
                               "\"fields\":{\"session\":\"n\",\"number\":\"n\",\"input\":\"i\"}",
                               "fields.session"),
                     1);
    assert_int_equal(
        faults_of(LAST "\"fields\":{\"session\":[\"header:X\",\"n\"],\"number\":[\"m\",\"n\"],"
                       "\"input\":\"i\"}",
                  ""),
        0); /* only where the id is absent: the dialled code tells it */
    assert_int_equal(faults_of("\"input\":\"path\",\"fields\":{\"session\":[\"s\",\"n\"],"
                               "\"number\":\"n\",\"input\":\"i\"}",
                               "fields.session"),
                     1);
    assert_int_equal(faults_of(LAST
                               "\"fields\":{\"session\":\"n\",\"number\":\"n\",\"input\":\"i\","
                               "\"kind\":\"k\"},\"kinds\":{\"1\":\"begin\",\"*\":\"continue\"}",
                               ""),
                     0);
    assert_int_equal(
        faults_of("\"input\":\"last\",\"fresh_ids\":true,\"fields\":{\"session\":\"n\","
                  "\"number\":\"n\",\"input\":\"i\",\"sequence\":\"q\",\"kind\":\"k\"},"
                  "\"kinds\":{\"1\":\"begin\",\"*\":\"continue\"}",
                  "fresh_ids"),
        1);
}

#define PUSHED LAST "\"fields\":{\"session\":\"s\",\"number\":\"n\",\"input\":\"i\"},\"push\":{"

static void test_a_push_that_cannot_work_is_refused(void **state)
{
    static const struct {
        const char *push, *word;
        size_t faults;
    } rows[] = {
        {"\"ask\":\"$session $text\",\"tell\":\"$text\"}", "", 0},
        {"\"ask\":\"$text\",\"tell\":\"$text\"}", "$session", 1},
        {"\"ask\":\"$session $text\",\"tell\":\"hello\"}", "$text", 1},
        {"\"ask\":\"$session $text $colour\",\"tell\":\"$text\"}", "push.ask", 1},
        {"\"ask\":\"$session $text\",\"tell\":\"$text\",\"when\":1}", "when", 1},
        {"\"ask\":\"$session $text\",\"tell\":\"$text\",\"headers\":{\"A\":\"$digest\"}}", "$user",
         1},
        {"\"ask\":\"$session $text\",\"tell\":\"$text\",\"headers\":{\"A:B\":\"c\"}}", "letters",
         1},
        {"\"ask\":\"$session $text\",\"tell\":\"$text\",\"taken\":{\"a\":\"b\",\"c\":\"d\"}}",
         "push.taken", 1},
    };
    char members[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(members, sizeof members, PUSHED "%s", rows[i].push);
        if (faults_of(members, rows[i].word) != rows[i].faults)
            fail_msg("%s", rows[i].push);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_fields),
        cmocka_unit_test(test_hubtel_fields),
        cmocka_unit_test(test_malformed_is_refused),
        cmocka_unit_test(test_a_path_over_the_ceiling_is_refused),
        cmocka_unit_test(test_every_cut_stays_inside),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_all_faults_of_a_profile_at_once),
        cmocka_unit_test(test_last_input_without_a_sequence_is_refused),
        cmocka_unit_test(test_a_push_that_cannot_work_is_refused),
        cmocka_unit_test(test_08_a_session_that_is_the_number_must_be_told_to_begin),
    };

    return cmocka_run_group_tests(tests, load, NULL);
}
