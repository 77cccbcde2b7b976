/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links that hold a dialogue's place, and what a hop makes of them (hard case 44): old ones, those
 * of another dialogue, session, number or carrier, and counts that we never gave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/ussd/hop.h"
#include "gateway/ussd/link.h"
#include "tests/unit/ring.h"

static const uint8_t run[SESSION_RUN_LEN] = {1};
static const uint8_t mark[SESSION_MARK_LEN] = {7};
static const struct profile links = {.name = "pages", .step = STEP_ECHO};
static const struct profile counted = {.name = "beem", .step = STEP_ECHO};
static const struct profile once = {
    .name = "infobip", .step = STEP_MESSAGE, .repeat_ms = PROFILE_REPEAT_MS, .one_start = true};

static struct ussd_event event(const char *session, const char *number)
{
    return (struct ussd_event){.kind = USSD_CONTINUE,
                               .session = str_c(session),
                               .number = str_c(number),
                               .input = STR("1"),
                               .token = STR_EMPTY};
}

/* An event that followed a link of this token. */
static struct ussd_event follow(const char *session, const char *number, const char *token)
{
    struct ussd_event ev = event(session, number);

    ev.token = str_c(token);
    if (!link_step(ev.token, &ev.sequence))
        ev.sequence = 0;
    return ev;
}

static void assert_verdict(const struct profile *p, const struct ussd_event *ev,
                           const struct ussd_session *s, enum hop_kind kind, const char *why)
{
    struct hop h;

    hop_decide(p, ring, ev, s, run, &h);
    assert_string_equal(h.why, why);
    assert_int_equal(h.kind, kind);
}

static void test_a_token_is_of_one_dialogue(void **state)
{
    struct ussd_event ev = event("s1", "2250700000001");
    char token[LINK_TOKEN_LEN + 1];
    uint8_t other[SESSION_MARK_LEN] = {8};
    uint32_t step = 0;

    (void)state;
    link_token(ring, "pages", &ev, mark, 70000, token);
    assert_int_equal(strlen(token), LINK_TOKEN_LEN);
    assert_true(link_step(str_c(token), &step));
    assert_int_equal(step, 70000);
    ev = follow("s1", "2250700000001", token);
    assert_true(link_genuine(ring, "pages", &ev, mark));
    assert_false(link_genuine(ring, "other", &ev, mark));
    assert_false(link_genuine(ring, "pages", &ev, other));
    ev = follow("s12", "250700000001", token);
    assert_false(link_genuine(ring, "pages", &ev, mark));
    ev = follow("s2", "2250700000001", token);
    assert_false(link_genuine(ring, "pages", &ev, mark));
    ev = follow("s1", "2250700000002", token);
    assert_false(link_genuine(ring, "pages", &ev, mark));
}

static void test_every_bit_of_a_token_counts(void **state)
{
    struct ussd_event ev = event("s1", "2250700000001");
    char token[LINK_TOKEN_LEN + 1];

    (void)state;
    link_token(ring, "pages", &ev, mark, 3, token);
    for (size_t i = 0; i < LINK_TOKEN_LEN; i++) {
        char forged[LINK_TOKEN_LEN + 1];

        memcpy(forged, token, sizeof forged);
        forged[i] = forged[i] == 'A' ? 'B' : 'A';
        ev = follow("s1", "2250700000001", forged);
        assert_false(link_genuine(ring, "pages", &ev, mark));
    }
    assert_false(link_step(STR("short"), &(uint32_t){0}));
    assert_false(link_step(STR("AAAAAAAAAAAAAAAAA"), &(uint32_t){0}));
    assert_false(link_step(STR("AAAAAAAAAAAAAA=="), &(uint32_t){0}));
}

static void test_44_what_a_link_does(void **state)
{
    struct ussd_event ev = event("s1", "2250700000001");
    struct ussd_session s = {.version = 4, .sequence = 3};
    char token[LINK_TOKEN_LEN + 1];
    struct hop h;

    (void)state;
    memcpy(s.mark, mark, sizeof s.mark);
    memcpy(s.run, run, sizeof s.run);
    link_token(ring, "pages", &ev, mark, 4, token);
    ev = follow("s1", "2250700000001", token);
    assert_verdict(&links, &ev, &s, HOP_INPUT, "input");
    assert_verdict(&links, &ev, NULL, HOP_BEGIN, "unknown");
    s.sequence = 4;
    assert_verdict(&links, &ev, &s, HOP_REPLAY, "repeated");
    s.sequence = 6;
    assert_verdict(&links, &ev, &s, HOP_REPLAY, "stale");
    s.mark[0]++; /* of the dialogue before, under the same session id */
    hop_decide(&links, ring, &ev, &s, run, &h);
    assert_string_equal(h.why, "link");
    assert_int_equal(h.kind, HOP_RESHOW);
    assert_int_equal(h.sequence, 7);
    ev = follow("s1", "2250700000001", "bookmark");
    assert_verdict(&links, &ev, &s, HOP_RESHOW, "link");
    s.ended = true;
    assert_verdict(&links, &ev, &s, HOP_REPLAY, "ended");
}

static void test_13_a_count_we_never_gave_is_not_followed(void **state)
{
    struct ussd_event ev = event("4574", "255701000111");
    struct ussd_session s = {.version = 4, .sequence = 3};

    (void)state;
    memcpy(s.run, run, sizeof s.run);
    ev.sequence = 4;
    assert_verdict(&counted, &ev, &s, HOP_INPUT, "input");
    ev.sequence = 5;
    assert_verdict(&counted, &ev, &s, HOP_RESHOW, "resync");
    ev.sequence = 2;
    assert_verdict(&counted, &ev, &s, HOP_REPLAY, "stale");
    ev.kind = USSD_BEGIN;
    ev.sequence = 0;
    assert_verdict(&counted, &ev, &s, HOP_BEGIN, "reused");
}

static void test_a_second_start_is_refused_where_the_carrier_wants_it(void **state)
{
    struct ussd_event ev = event("i", "254711000111");
    struct ussd_session s = {.version = 1, .sequence = 100000};

    (void)state;
    ev.kind = USSD_BEGIN;
    ev.has_step = true;
    ev.sequence = 101000;
    assert_verdict(&once, &ev, &s, HOP_REPLAY, "repeated");
    ev.sequence = 102000;
    assert_verdict(&once, &ev, &s, HOP_REFUSED, "second_start");
    s.ended = true;
    assert_verdict(&once, &ev, &s, HOP_BEGIN, "reused");
}

static void test_19_a_number_comes_back_sealed(void **state)
{
    static const struct {
        const char *carrier, *session;
        bool ours;
    } rows[] = {{"restcomm", "S1", true},
                {"other", "S1", false},
                {"restcomm", "S2", false}, /* another dialogue, maybe of somebody else */
                {"restcomm", "", false},
                {"restcomm S1", "", false}};
    char state_mem[PROFILE_STATE_MAX], mem[128];
    struct buf sealed, clear;
    struct str number, kept;
    struct err e = {0};

    (void)state;
    buf_init_fixed(&sealed, state_mem, sizeof state_mem);
    link_seal(ring, "restcomm", STR("S1"), STR("+2250700000001"), STR("5"), &sealed);
    assert_int_equal(sealed.failed, ERR_OK);
    assert_true(str_find(buf_str(&sealed), STR("0700000001")) < 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_init_fixed(&clear, mem, sizeof mem);
        assert_int_equal(link_open(ring, rows[i].carrier, str_c(rows[i].session), buf_str(&sealed),
                                   &clear, &number, &kept, &e),
                         rows[i].ours ? 0 : -1);
        if (rows[i].ours)
            assert_true(str_eq_c(number, "+2250700000001") && str_eq_c(kept, "5"));
    }
    state_mem[20] = state_mem[20] == 'A' ? 'B' : 'A';
    buf_reset(&clear);
    assert_int_equal(
        link_open(ring, "restcomm", STR("S1"), buf_str(&sealed), &clear, &number, &kept, &e), -1);
}

static void test_19_the_longest_number_fits(void **state)
{
    char state_mem[PROFILE_STATE_MAX], long_number[USSD_NUMBER_MAX], word[LINK_KEPT_MAX + 1];
    char session[USSD_SESSION_MAX];
    struct buf sealed;

    (void)state;
    memset(long_number, '1', sizeof long_number);
    memset(word, 'w', sizeof word);
    memset(session, 's', sizeof session);
    buf_init_fixed(&sealed, state_mem, sizeof state_mem);
    link_seal(ring, "restcomm", str_n(session, sizeof session),
              str_n(long_number, sizeof long_number), str_n(word, LINK_KEPT_MAX), &sealed);
    assert_int_equal(sealed.failed, ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_is_of_one_dialogue),
        cmocka_unit_test(test_every_bit_of_a_token_counts),
        cmocka_unit_test(test_44_what_a_link_does),
        cmocka_unit_test(test_13_a_count_we_never_gave_is_not_followed),
        cmocka_unit_test(test_a_second_start_is_refused_where_the_carrier_wants_it),
        cmocka_unit_test(test_19_a_number_comes_back_sealed),
        cmocka_unit_test(test_19_the_longest_number_fits),
    };

    return cmocka_run_group_tests(tests, open_ring, close_ring);
}
