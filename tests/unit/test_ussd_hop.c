/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a callback is, against a stored session: the table in hop.c's head, row by row, and the
 * numbered hard cases of callbacks that repeat, overtake each other or lie about their past.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/ussd/hop.h"
#include "gateway/ussd/turn.h"
#include "tests/unit/ring.h"

static const struct profile path_profile = {.name = "path", .path = true};
static const struct profile seq_profile = {.name = "seq", .path = false};
static const uint8_t run_a[SESSION_RUN_LEN] = {1};
static const uint8_t run_b[SESSION_RUN_LEN] = {2};

static struct hop decide(const struct profile *p, enum ussd_kind kind, const char *input,
                         uint32_t sequence, const struct ussd_session *s, const uint8_t *run)
{
    struct ussd_event ev = {.kind = kind, .input = str_c(input), .sequence = sequence};
    struct hop h;

    hop_decide(p, ring, &ev, s, run, &h);
    return h;
}

/* The session as a turn stores it after this callback. */
static struct ussd_session after(const struct profile *p, const char *input, uint32_t sequence,
                                 bool ended)
{
    struct hop h = decide(p, USSD_UNSAID, input, sequence, NULL, run_a);
    struct ussd_session s = {.version = 1, .ended = ended, .sequence = h.sequence};

    memcpy(s.step, h.step, sizeof s.step);
    memcpy(s.run, run_a, sizeof s.run);
    return s;
}

static void assert_hop(struct hop h, enum hop_kind kind, const char *why)
{
    assert_int_equal(h.kind, kind);
    assert_string_equal(h.why, why);
}

static void test_first_sight_begins(void **state)
{
    (void)state; /* hard case 6: empty text proves nothing, the absence of a session does */
    assert_hop(decide(&path_profile, USSD_UNSAID, "", 0, NULL, run_a), HOP_BEGIN, "begin");
    assert_hop(decide(&path_profile, USSD_UNSAID, "1*2", 0, NULL, run_a), HOP_BEGIN, "begin");
    assert_hop(decide(&seq_profile, USSD_CONTINUE, "1", 4, NULL, run_a), HOP_BEGIN, "unknown");
}

static void test_same_step_is_replayed(void **state)
{
    struct ussd_session path = after(&path_profile, "1*2", 0, false);
    struct ussd_session seq = after(&seq_profile, "2", 3, false);
    struct ussd_session start = after(&path_profile, "", 0, false);

    (void)state; /* hard cases 1 and 3 */
    assert_hop(decide(&path_profile, USSD_UNSAID, "1*2", 0, &path, run_a), HOP_REPLAY, "repeated");
    assert_hop(decide(&seq_profile, USSD_CONTINUE, "2", 3, &seq, run_a), HOP_REPLAY, "repeated");
    assert_hop(decide(&path_profile, USSD_UNSAID, "", 0, &start, run_a), HOP_REPLAY, "repeated");
    /* repeated also when Redis was replaced meanwhile, or when the step ended the dialogue */
    assert_hop(decide(&path_profile, USSD_UNSAID, "1*2", 0, &path, run_b), HOP_REPLAY, "repeated");
    path.ended = true;
    assert_hop(decide(&path_profile, USSD_UNSAID, "1*2", 0, &path, run_a), HOP_REPLAY, "repeated");
}

/* A repeated first hop that was overtaken: not somebody who dials again (hard case 4). */
static void test_a_late_beginning_restarts_nothing(void **state)
{
    static const struct profile fresh = {.name = "fresh", .fresh_ids = true};
    struct ussd_session s = after(&fresh, "2", 3, false);

    (void)state;
    assert_hop(decide(&fresh, USSD_BEGIN, "*384*26#", 1, &s, run_a), HOP_REPLAY, "stale");
    assert_hop(decide(&fresh, USSD_BEGIN, "*384*26#", 4, &s, run_a), HOP_BEGIN, "reused");
    assert_hop(decide(&seq_profile, USSD_BEGIN, "*384*26#", 1, &s, run_a), HOP_BEGIN, "reused");
    s.ended = true;
    assert_hop(decide(&fresh, USSD_BEGIN, "*384*26#", 1, &s, run_a), HOP_REPLAY, "stale");
    assert_hop(decide(&fresh, USSD_BEGIN, "*384*26#", 1, NULL, run_a), HOP_BEGIN, "begin");
}

static void test_path_input_is_the_suffix(void **state)
{
    static const struct {
        const char *known, *path, *input;
    } rows[] = {{"", "1", "1"}, {"1", "1*2", "2"},   {"1*2", "1*2*a*b", "a*b"}, {"1", "1*", ""},
                {"", "*", "*"}, {"1*", "1**2", "2"}, {"", "1*2*3", "1*2*3"}};

    (void)state; /* hard cases 10, 12, 14 */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ussd_session s = after(&path_profile, rows[i].known, 0, false);
        struct hop h = decide(&path_profile, USSD_UNSAID, rows[i].path, 0, &s, run_a);

        assert_hop(h, HOP_INPUT, "input");
        assert_true(str_eq_c(h.input, rows[i].input));
    }
}

static void test_path_out_of_step_reshows(void **state)
{
    struct ussd_session s = after(&path_profile, "1*2", 0, false);

    (void)state; /* hard case 13 */
    assert_hop(decide(&path_profile, USSD_UNSAID, "1*3*4", 0, &s, run_a), HOP_RESHOW, "resync");
    assert_hop(decide(&path_profile, USSD_UNSAID, "1*23", 0, &s, run_a), HOP_RESHOW, "resync");
    assert_hop(decide(&path_profile, USSD_UNSAID, "9*9", 0, &s, run_a), HOP_RESHOW, "resync");
}

static void test_stragglers_get_the_present_screen(void **state)
{
    struct ussd_session path = after(&path_profile, "1*2", 0, false);
    struct ussd_session seq = after(&seq_profile, "2", 3, false);

    (void)state; /* hard case 4 */
    assert_hop(decide(&path_profile, USSD_UNSAID, "1", 0, &path, run_a), HOP_REPLAY, "stale");
    assert_hop(decide(&seq_profile, USSD_CONTINUE, "1", 2, &seq, run_a), HOP_REPLAY, "stale");
}

static void test_begin_flag_wipes_a_reused_id(void **state)
{
    struct ussd_session seq = after(&seq_profile, "2", 3, false);
    struct ussd_session ended = after(&seq_profile, "2", 3, true);

    (void)state; /* hard case 5 */
    assert_hop(decide(&seq_profile, USSD_BEGIN, "*384*26#", 1, &seq, run_a), HOP_BEGIN, "reused");
    assert_hop(decide(&seq_profile, USSD_BEGIN, "*384*26#", 1, &ended, run_a), HOP_BEGIN, "reused");
}

static void test_after_the_end(void **state)
{
    struct ussd_session path = after(&path_profile, "1*2", 0, true);
    struct ussd_session seq = after(&seq_profile, "2", 3, true);

    (void)state; /* hard case 22 */
    assert_hop(decide(&path_profile, USSD_UNSAID, "1*2*1", 0, &path, run_a), HOP_REPLAY, "ended");
    assert_hop(decide(&seq_profile, USSD_CONTINUE, "1", 4, &seq, run_a), HOP_REPLAY, "ended");
}

static void test_abort_wants_no_screen(void **state)
{
    struct ussd_session seq = after(&seq_profile, "2", 3, false);

    (void)state; /* hard case 23 */
    assert_hop(decide(&seq_profile, USSD_ABORT, "", 4, &seq, run_a), HOP_SILENT, "abort");
    assert_hop(decide(&seq_profile, USSD_TIMEOUT, "", 4, NULL, run_a), HOP_SILENT, "timeout");
}

static void test_another_redis_reshows(void **state)
{
    struct ussd_session path = after(&path_profile, "1", 0, false);

    (void)state;
    assert_hop(decide(&path_profile, USSD_UNSAID, "1*2", 0, &path, run_b), HOP_RESHOW, "redis");
}

static void test_path_is_not_kept(void **state)
{
    struct ussd_session s = after(&path_profile, "1*4242", 0, false);

    (void)state; /* S5: neither the header's hash nor its length tells a typed PIN */
    assert_null(memmem(&s, sizeof s, "4242", 4));
}

static void test_dial(void **state)
{
    static const struct {
        bool path;
        const char *code, *input, *dial;
    } rows[] = {
        {true, "*384*26#", "101", "101"},
        {true, "*384*26#", "1*2", "1*2"},
        {true, "*384*26#", "", ""},
        {false, "*384*26#", "*384*26#", ""},
        {false, "*384*26#", "*384*26*101#", "101"},
        {false, "*384*26#", "*384*26*2*1#", "2*1"},
        {false, "*384*26#", "*999#", ""},
        {false, "*384*26#",
         "\xEF\xBC\x8A"
         "384*26*7\xEF\xBC\x83",
         "7"}, /* hard case 11 */
        {false, "*384*26#", " *384*26*7# ", "7"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[32];
        struct str got = hop_dial(rows[i].path ? &path_profile : &seq_profile, str_c(rows[i].code),
                                  str_c(rows[i].input), out, sizeof out);

        if (!str_eq_c(got, rows[i].dial))
            fail_msg("%s gave \"%" STR_FMT "\"", rows[i].input, STR_ARG(got));
    }
}

static void test_dial_longer_than_room_is_nothing(void **state)
{
    char out[8];

    (void)state; /* hard case 16: no truncation into a valid choice */
    assert_int_equal(hop_dial(&path_profile, STR_EMPTY, STR("101*1*1*1*1"), out, sizeof out).n, 0);
}

/* Over SMPP nothing counts the hops: a step is the message itself, for a second and a half. */
static void test_s1_a_message_alike_is_one_step_for_a_while(void **state)
{
    static const struct profile timed = {.name = "timed", .repeat_ms = 1500};
    static const struct {
        uint32_t at;
        uint8_t step;
        uint32_t repeat_ms; /* the event's own */
        enum hop_kind kind;
        const char *why;
    } rows[] = {
        {UINT32_MAX - 9, 7, 0, HOP_REPLAY, "repeated"},
        {UINT32_MAX - 509, 7, 0, HOP_REPLAY, "repeated"},
        {1490, 7, 0, HOP_REPLAY, "repeated"}, /* the clock has wrapped */
        {1491, 7, 0, HOP_INPUT, "input"},
        {UINT32_MAX - 9, 8, 0, HOP_INPUT, "input"},
        {UINT32_MAX - 2000, 7, 0, HOP_INPUT, "input"},
        {1491, 7, 10000, HOP_REPLAY, "repeated"}, /* another process saw it first */
        {9990, 7, 10000, HOP_REPLAY, "repeated"},
        {9991, 7, 10000, HOP_INPUT, "input"},
        {1490, 7, 100, HOP_REPLAY, "repeated"}, /* never shorter than the profile's */
        {1491, 8, 10000, HOP_INPUT, "input"},
    };
    struct ussd_session s = {.version = 1, .sequence = UINT32_MAX - 9, .step = {7}};

    (void)state;
    memcpy(s.run, run_a, sizeof s.run);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ussd_event ev = {.kind = USSD_CONTINUE,
                                .input = STR("1"),
                                .sequence = rows[i].at,
                                .has_step = true,
                                .step = {rows[i].step},
                                .repeat_ms = rows[i].repeat_ms};
        struct hop h;

        hop_decide(&timed, ring, &ev, &s, run_a, &h);
        assert_hop(h, rows[i].kind, rows[i].why);
    }
}

/* Every state has a name, is reached, and every waiting state can fail. */
/* A message with a name of its own is known however late it comes, among the last of its dialogue (hard
 * case 4); a beginning is always one (5). */
static void test_a_name_told_before_is_a_straggler_case_04(void **state)
{
    static const struct profile named = {.name = "named", .repeat_ms = 1500};
    struct ussd_session s = {.version = 1, .step = {1}}, next;
    struct ussd_event ev = {.kind = USSD_CONTINUE, .named = true, .has_step = true};
    struct hop h;

    (void)state;
    memcpy(s.run, run_a, sizeof s.run);
    for (uint8_t step = 2; step < 20; step++) {
        next = s;
        session_age(&s, &next);
        next.step[0] = step;
        s = next;
        for (uint8_t old = 1; old <= 20; old++) {
            bool kept = old < step && old + SESSION_PAST >= step;

            ev.step[0] = old;
            hop_decide(&named, ring, &ev, &s, run_a, &h);
            assert_hop(h, kept || old == step ? HOP_REPLAY : HOP_INPUT,
                       kept          ? "stale"
                       : old == step ? "repeated"
                                     : "input");
        }
    }
    ev.step[0] = 18;
    ev.named = false;
    ev.sequence = 5000;
    hop_decide(&named, ring, &ev, &s, run_a, &h);
    assert_hop(h, HOP_INPUT, "input");
    ev.named = true;
    ev.kind = USSD_BEGIN;
    hop_decide(&named, ring, &ev, &s, run_a, &h);
    assert_hop(h, HOP_BEGIN, "reused");
}

static void test_turn_table(void **state)
{
    unsigned reached = 1u << TURN_NEW;

    (void)state;
    for (int pass = 0; pass < TURN_STATES; pass++) {
        for (unsigned s = 0; s < TURN_STATES; s++)
            reached |= reached & 1u << s ? turn_state_out((enum turn_state)s) : 0;
    }
    assert_int_equal(reached, (1u << TURN_STATES) - 1);
    for (unsigned s = 0; s < TURN_STATES; s++)
        assert_true(strlen(turn_state_name((enum turn_state)s)) > 0);
    for (unsigned s = TURN_LOAD; s <= TURN_SAVE; s++)
        assert_true(turn_state_out((enum turn_state)s) & 1u << TURN_FAILED);
    for (unsigned s = TURN_REPLY; s < TURN_STATES; s++) /* answered: nobody to excuse us to */
        assert_false(turn_state_out((enum turn_state)s) & 1u << TURN_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_sight_begins),
        cmocka_unit_test(test_same_step_is_replayed),
        cmocka_unit_test(test_a_late_beginning_restarts_nothing),
        cmocka_unit_test(test_path_input_is_the_suffix),
        cmocka_unit_test(test_path_out_of_step_reshows),
        cmocka_unit_test(test_stragglers_get_the_present_screen),
        cmocka_unit_test(test_begin_flag_wipes_a_reused_id),
        cmocka_unit_test(test_after_the_end),
        cmocka_unit_test(test_abort_wants_no_screen),
        cmocka_unit_test(test_another_redis_reshows),
        cmocka_unit_test(test_path_is_not_kept),
        cmocka_unit_test(test_dial),
        cmocka_unit_test(test_dial_longer_than_room_is_nothing),
        cmocka_unit_test(test_s1_a_message_alike_is_one_step_for_a_while),
        cmocka_unit_test(test_a_name_told_before_is_a_straggler_case_04),
        cmocka_unit_test(test_turn_table),
    };

    return cmocka_run_group_tests(tests, open_ring, close_ring);
}
