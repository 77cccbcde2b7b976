/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored form of a session: round trip, every cut refused, every claim of its lengths checked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sessions/resume.h"
#include "sessions/session.h"
#include "tests/unit/guard.h"

static const struct ussd_session sample = {.version = 0x01020304,
                                           .ended = true,
                                           .pointed = true,
                                           .run = {1, 2, 3, 4, 5, 6, 7, 8},
                                           .step = {9, 8, 7},
                                           .mark = {0xFF, 2, 3, 4, 5, 6, 7, 0xEE},
                                           .sequence = 77,
                                           .hops = 12,
                                           .opened = 0xFEDCBA98,
                                           .state = STR_INIT("menu\0state"),
                                           .reply = STR_INIT("CON 1. Lire")};

static void encode(const struct ussd_session *s, struct buf *out)
{
    struct err e = {0};

    buf_init(out, SESSION_MAX);
    assert_int_equal(session_encode(s, out, &e), 0);
}

static void test_round_trip(void **state)
{
    struct buf b;
    struct ussd_session got;
    struct err e = {0};

    (void)state;
    encode(&sample, &b);
    assert_int_equal(session_decode(buf_str(&b), &got, &e), 0);
    assert_int_equal(got.version, sample.version);
    assert_true(got.ended && got.pointed);
    assert_memory_equal(got.run, sample.run, sizeof got.run);
    assert_memory_equal(got.step, sample.step, sizeof got.step);
    assert_memory_equal(got.mark, sample.mark, sizeof got.mark);
    assert_int_equal(got.sequence, 77);
    assert_int_equal(got.hops, 12);
    assert_int_equal(got.opened, sample.opened);
    assert_true(str_eq(got.state, sample.state));
    assert_true(str_eq(got.reply, sample.reply));
    /* the compare-and-set script reads the version here */
    assert_memory_equal(b.p + SESSION_VERSION_AT, "\x01\x02\x03\x04", 4);
    buf_fini(&b);
}

/* Stored by the release before: the same without a time. */
static void test_format_2_is_read(void **state)
{
    struct ussd_session got;
    struct err e = {0};
    struct buf b;

    (void)state;
    encode(&sample, &b);
    b.p[0] = 2;
    memmove(b.p + 48, b.p + SESSION_HEADER, b.len - SESSION_HEADER);
    buf_truncate(&b, b.len - (SESSION_HEADER - 48));
    assert_int_equal(session_decode(buf_str(&b), &got, &e), 0);
    assert_int_equal(got.opened, 0);
    assert_memory_equal(got.mark, sample.mark, sizeof got.mark);
    assert_true(str_eq(got.state, sample.state) && str_eq(got.reply, sample.reply));
    assert_int_equal(session_decode(str_head(buf_str(&b), 47), &got, &e), -1);
    buf_fini(&b);
}

/* A session with so many hops before its last, of the names 1, 2 .. */
static struct ussd_session aged(uint8_t hops)
{
    struct ussd_session s = sample, next;

    for (uint8_t i = 1; i <= hops; i++) {
        next = sample;
        session_age(&s, &next);
        next.step[0] = i;
        s = next;
    }
    return s;
}

static void test_names_of_earlier_hops_are_kept_case_04(void **state)
{
    (void)state;
    for (uint8_t hops = 1; hops < 2 * SESSION_PAST; hops++) {
        struct ussd_session s = aged(hops), got;
        struct err e = {0};
        struct buf b;

        encode(&s, &b);
        assert_int_equal(b.p[0], SESSION_FORMAT_4);
        assert_int_equal(b.len, SESSION_HEADER + 1 +
                                    (size_t)MIN(hops, SESSION_PAST) * SESSION_PAST_LEN + s.state.n +
                                    s.reply.n);
        assert_int_equal(session_decode(buf_str(&b), &got, &e), 0);
        assert_int_equal(got.npast, MIN(hops, SESSION_PAST));
        assert_memory_equal(got.past, s.past, got.npast * sizeof s.past[0]);
        assert_true(str_eq(got.state, sample.state) && str_eq(got.reply, sample.reply));
        assert_int_equal(got.opened, sample.opened);
        for (uint8_t old = 1; old <= hops; old++) {
            uint8_t step[SESSION_STEP_LEN];

            memcpy(step, sample.step, sizeof step);
            step[0] = old;
            assert_int_equal(session_is_past(&got, step), old < hops && old + SESSION_PAST >= hops);
        }
        buf_fini(&b);
    }
}

static void test_every_cut_is_refused(void **state)
{
    const struct ussd_session samples[] = {sample, aged(3)};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        struct ussd_session got;
        struct err e = {0};
        struct buf b;

        encode(&samples[i], &b);
        for (size_t n = 0; n < b.len; n++) {
            struct guard g;
            char *p = guard_copy(&g, b.p, n);

            assert_int_equal(session_decode(str_n(p, n), &got, &e), -1);
            guard_free(&g);
        }
        buf_fini(&b);
    }
}

static void test_lies_are_refused(void **state)
{
    static const struct {
        const char *name;
        size_t at;
        char value;
        uint8_t hops; /* before the last */
    } lies[] = {{"format", 0, 1, 0},
                {"other header", 0, 2, 0},
                {"unknown flag", 5, 4, 0},
                {"longer state", 37, 11, 0},
                {"shorter state", 37, 9, 0},
                {"longer reply", 39, 12, 0},
                {"huge reply", 38, 0x7F, 0},
                {"a format of names", 0, SESSION_FORMAT_4, 0},
                {"a format without names", 0, SESSION_FORMAT, 3},
                {"no names", SESSION_HEADER, 0, 3},
                {"a name less", SESSION_HEADER, 2, 3},
                {"a name more", SESSION_HEADER, 4, 3},
                {"names beyond the room", SESSION_HEADER, SESSION_PAST + 1, 3},
                {"names beyond the end", SESSION_HEADER, (char)0xFF, 3}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct buf b;
        struct ussd_session got;
        struct err e = {0};

        struct ussd_session s = aged(lies[i].hops);

        encode(&s, &b);
        b.p[lies[i].at] = lies[i].value;
        if (session_decode(buf_str(&b), &got, &e) != -1)
            fail_msg("%s accepted", lies[i].name);
        buf_fini(&b);
    }
}

static void test_version_zero_is_refused(void **state)
{
    struct ussd_session s = sample;
    struct ussd_session got;
    struct buf b;
    struct err e = {0};

    (void)state;
    s.version = 0;
    encode(&s, &b);
    assert_int_equal(session_decode(buf_str(&b), &got, &e), -1);
    buf_fini(&b);
}

static void test_too_big_is_refused(void **state)
{
    static char big[SESSION_REPLY_MAX + 1];
    struct ussd_session s = sample;
    struct buf b;
    struct err e = {0};

    (void)state;
    buf_init(&b, 2 * SESSION_MAX);
    s.reply = str_n(big, sizeof big);
    assert_int_equal(session_encode(&s, &b, &e), -1);
    assert_int_equal(e.code, ERR_TOO_BIG);
    buf_fini(&b);
}

static void test_a_pointer_is_whole_or_none(void **state)
{
    static char big[RESUME_MAX + 1] = {RESUME_FORMAT};
    struct buf b;
    struct err e = {0};

    (void)state;
    buf_init(&b, RESUME_MAX);
    assert_int_equal(resume_encode(sample.mark, sample.state, &b, &e), 0);
    assert_true(str_eq(resume_state(buf_str(&b)), sample.state));
    assert_memory_equal(b.p + 1, sample.mark, SESSION_MARK_LEN); /* the script compares it here */
    for (size_t n = 0; n <= RESUME_HEADER; n++) {
        struct guard g;
        char *p = guard_copy(&g, b.p, n);

        assert_int_equal(resume_state(str_n(p, n)).n, 0);
        guard_free(&g);
    }
    b.p[0] = RESUME_FORMAT + 1;
    assert_int_equal(resume_state(buf_str(&b)).n, 0);
    assert_int_equal(resume_state(str_n(big, sizeof big)).n, 0);
    assert_int_equal(resume_encode(sample.mark, STR_EMPTY, &b, &e), -1);
    assert_int_equal(resume_encode(sample.mark, str_n(big, SESSION_STATE_MAX + 1), &b, &e), -1);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pointer_is_whole_or_none),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_format_2_is_read),
        cmocka_unit_test(test_names_of_earlier_hops_are_kept_case_04),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_lies_are_refused),
        cmocka_unit_test(test_version_zero_is_refused),
        cmocka_unit_test(test_too_big_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
