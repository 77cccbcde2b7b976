/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Odd callbacks of carriers over HTTP: trials, what could be read in two ways, codes before a path.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/ussd/profile.h"
#include "tests/unit/ussd_profile.h"

static void test_43_trials_are_known(void **state)
{
    static const struct {
        const char *carrier, *body;
        bool test;
    } rows[] = {
        {"africastalking", "sessionId=a&phoneNumber=%2B254711000111&networkCode=99999&text=", true},
        {"africastalking",
         "sessionId=a&phoneNumber=%2B254711000111&networkCode=63902&text=", false},
        {"nalo",
         "{\"USERID\":\"A\",\"MSISDN\":\"233000000001\",\"USERDATA\":\"1\",\"MSGTYPE\":true}",
         true},
        {"nalo",
         "{\"USERID\":\"A\",\"MSISDN\":\"+233000000001\",\"USERDATA\":\"\",\"MSGTYPE\":true}",
         true},
        {"nalo",
         "{\"USERID\":\"A\",\"MSISDN\":\"233241000111\",\"USERDATA\":\"1\",\"MSGTYPE\":true}",
         false},
    };
    static struct profile_scratch s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct profile_request rq = {.method = HTTP_POST, .body = str_c(rows[i].body)};
        struct ussd_event ev;
        struct err e = {0};

        assert_int_equal(profile_parse(profile_of(rows[i].carrier), &rq, &s, &ev, &e), 0);
        if (ev.test != rows[i].test)
            fail_msg("%s %s", rows[i].carrier, rows[i].body);
    }
}

static void test_33_what_could_mean_two_things_is_refused(void **state)
{
    static const struct {
        const char *carrier, *body;
    } rows[] = {
        {"beem",
         "{\"command\":\"continue\",\"msisdn\":\"1\",\"session_id\":\"1\",\"payload\":[]}x"},
        {"beem", "{\"command\":\"continue\",\"msisdn\":\"1\",\"session_id\":{},\"payload\":{}}"},
        {"beem", "{\"command\":\"hello\",\"msisdn\":\"1\",\"session_id\":\"1\"}"},
        {"korba", "sessionID=1&sessionID=2&msisdn=233241000111&ussdServiceOp=1"},
        {"korba", "{\"sessionID\":\"1\",\"sessionID\":\"2\",\"msisdn\":\"1\",\"ussdServiceOp\":1}"},
        {"mtn_comviva",
         "<request><sessionId>1</sessionId><sessionId>2</sessionId><msisdn>1</msisdn>"
         "<newRequest>1</newRequest></request>"},
        {"mtn_comviva", "<request><sessionId><b>1</b></sessionId><msisdn>1</msisdn></request>"},
        {"restcomm", "<dialog type=\"Begin\" type=\"End\" localId=\"1\"/>"},
    };
    static struct profile_scratch s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct profile_request rq = {.method = HTTP_POST, .body = str_c(rows[i].body)};
        struct ussd_event ev;
        struct err e = {0};

        if (profile_parse(profile_of(rows[i].carrier), &rq, &s, &ev, &e) != -1)
            fail_msg("accepted: %s", rows[i].body);
    }
}

static void test_15_the_suffix_is_taken_off_once(void **state)
{
    static const struct {
        const char *code, *path, *input;
    } rows[] = {{"*415*33#", "33", ""},
                {"*415*33#", "33*2*Dan", "2*Dan"},
                {"*415*33#", "33*33", "33"},
                {"*415*33#", "*415*33*1#", "1"},
                {"*415*33#", "*415*33#", ""},
                {"*415*33#", "334*1", "334*1"}, /* no suffix: another number that begins so */
                {"*415#", "415*1", "415*1"},    /* a code of our own has none */
                {"*415#", "*415*1#", "1"},
                {"*415*33#", "33*a#", "a#"}, /* hard case 11: only a dialled form ends with it */
                {"", "33*1", "33*1"}};
    static struct profile_scratch s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char query[200];
        struct ussd_event ev;
        struct err e = {0};
        struct profile_request rq = {.method = HTTP_GET, .short_code = str_c(rows[i].code)};

        snprintf(query, sizeof query, "SESSIONID=1&MSISDN=254711000111&INPUT=%s", rows[i].path);
        rq.query = str_c(query);
        assert_int_equal(profile_parse(profile_of("advanta"), &rq, &s, &ev, &e), 0);
        if (!str_eq_c(ev.input, rows[i].input))
            fail_msg("%s under %s", rows[i].path, rows[i].code);
    }
}

static void test_a_header_twice_is_refused(void **state)
{
    static struct profile_scratch s;
    struct http_head head = {.nheaders = 1};
    struct profile_request rq = {.method = HTTP_GET, .head = &head};
    struct ussd_event ev;
    struct err e = {0};

    (void)state;
    head.headers[0] = (struct http_header){STR("User-MSISDN"), STR("2250700000041")};
    assert_int_equal(profile_parse(profile_of("orange_xhtml"), &rq, &s, &ev, &e), 0);
    head.headers[head.nheaders++] = (struct http_header){STR("user-msisdn"), STR("2250700000042")};
    assert_int_equal(profile_parse(profile_of("orange_xhtml"), &rq, &s, &ev, &e), -1);
}

/* A hint: what it does not say, or says badly, harms no hop; on the wire it may be anything. */
static void test_the_language_is_the_first_word_of_what_is_said_case_41(void **state)
{
    static const struct {
        const char *carrier, *said, *means;
    } rows[] = {{"orange_xhtml", "fr", "fr"},
                {"orange_xhtml", "fr-CI,fr;q=0.9", "fr"},
                {"orange_xhtml", "ENG", "ENG"}, /* in whatever case: the table of languages knows */
                {"orange_xhtml", "", ""},
                {"orange_xhtml", "french", ""},
                {"orange_xhtml", "f", ""},
                {"orange_xhtml", "\xFF\x01", ""},
                {"orange_xhtml",
                 "fr-CI,fr;q=0.9,en;q=0.8,pt;q=0.7,wo;q=0.6,sw;q=0.5,ha;q=0.4,de;q=0.3,es;q=0.2",
                 ""},
                {"cellcube", "en", "en"},
                {"moov", "eng", ""}}; /* whoever dials */
    static struct profile_scratch s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool header = strcmp(rows[i].carrier, "moov") != 0;
        struct http_head head = {.nheaders = 2};
        struct profile_request rq = {.method = HTTP_GET, .head = &head};
        struct ussd_event ev;
        struct err e = {0};

        head.headers[0] = (struct http_header){STR("User-MSISDN"), STR("2250700000041")};
        head.headers[1] = (struct http_header){STR("User-Language"), str_c(rows[i].said)};
        rq.query = header ? STR_EMPTY
                          : STR("lang=eng&msisdn=22994558779&req_no=1&session_id=6&user_input=");
        assert_int_equal(profile_parse(profile_of(rows[i].carrier), &rq, &s, &ev, &e), 0);
        if (!str_eq_c(ev.language, rows[i].means))
            fail_msg("%s: %s is %.20s", rows[i].carrier, rows[i].said, ev.language.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_43_trials_are_known),
        cmocka_unit_test(test_33_what_could_mean_two_things_is_refused),
        cmocka_unit_test(test_15_the_suffix_is_taken_off_once),
        cmocka_unit_test(test_a_header_twice_is_refused),
        cmocka_unit_test(test_the_language_is_the_first_word_of_what_is_said_case_41),
    };

    return cmocka_run_group_tests(tests, profiles_load, NULL);
}
