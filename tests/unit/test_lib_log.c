/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines and clocks: one JSON object a line whatever peers send (hard cases 31, 32), never
 * blocking.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/lib/clock.h"
#include "gateway/lib/log.h"

static int ends[2]; /* the pipe that the log writes to */

static int setup(void **state)
{
    (void)state;
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    log_set_fd(ends[1]);
    log_init(LOG_LEVEL_INFO, "gateway", "a1:2");
    clock_set_fake(1000, 1783168496123456);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_set_fd(1);
    clock_set_real();
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static struct str line(void)
{
    static char text[2 * PIPE_BUF];
    ssize_t n = read(ends[0], text, sizeof(text));

    return str_n(text, n < 0 ? 0 : (size_t)n);
}

static void link_print(const void *obj, struct buf *out)
{
    log_field(out, "link", str_c(obj));
}

static void turn_print(const void *obj, struct buf *out)
{
    log_field_i64(out, "turn", *(const int *)obj);
}

static void a_line_has_everything(void **state)
{
    const int turn = 7;
    const struct log_tag up = {link_print, "mtn\"1", NULL};
    const struct log_tag tag = {turn_print, &turn, &up};
    char want[400];

    (void)state;
    log_info(&tag, "reply sent", "op=%s len=%d", "x\n{\"level\":\"fake\"}", 42);
    snprintf(
        want, sizeof(want),
        "{\"ts\":\"2026-07-04T12:34:56.123456Z\",\"level\":\"info\",\"event\":\"reply sent\","
        "\"msg\":\"op=x\\n{\\\"level\\\":\\\"fake\\\"} len=42\",\"link\":\"mtn\\\"1\",\"turn\":7,"
        "\"role\":\"gateway\",\"instance\":\"a1:2\",\"pid\":%d}\n",
        (int)getpid());
    assert_true(str_eq(line(), str_c(want)));
}

static int touched;

static const char *touch(void)
{
    touched++;
    return "";
}

static void silent_levels_evaluate_nothing(void **state)
{
    enum log_level level;

    (void)state;
    log_debug(NULL, "x", "%s", touch());
    assert_int_equal(touched, 0);
    assert_int_equal(line().n, 0);
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug(NULL, "x", "%s", touch());
    assert_int_equal(touched, 1);
    assert_true(line().n > 0);
    assert_true(log_level_parse(STR("warn"), &level) && level == LOG_LEVEL_WARN);
    assert_false(log_level_parse(STR("loud"), &level));
    assert_string_equal(log_level_name(LOG_LEVEL_ERROR), "error");
}

static void errors_are_printed_with_their_code(void **state)
{
    struct err e;
    struct str s;

    (void)state;
    (void)err_sys(&e, ERR_IO, ENOENT, "open");
    log_err(LOG_LEVEL_WARN, NULL, "no menu", &e);
    s = line();
    assert_true(str_find(s, STR("\"level\":\"warn\"")) > 0);
    assert_true(str_find(s, STR("\"err\":\"io\",\"errno\":2")) > 0);
    assert_true(str_find(s, STR("No such file")) > 0);
}

static void long_hostile_messages_are_cut_to_one_write(void **state)
{
    char text[4000];
    struct str s;

    (void)state;
    memset(text, '\x01', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_warn(NULL, "long", "%s", text);
    s = line();
    assert_true(s.n > 100 && s.n <= PIPE_BUF);
    assert_int_equal(s.p[s.n - 1], '\n');
    assert_int_equal(s.p[s.n - 2], '}');
    assert_int_equal(log_dropped(), 0);
}

static void a_full_pipe_drops_and_counts(void **state)
{
    uint64_t before = log_dropped();
    int wrote = 0;

    (void)state;
    while (log_dropped() == before && ++wrote < 100000)
        log_info(NULL, "fill", "%s", "");
    assert_true(wrote < 100000);
    errno = 77;
    log_info(NULL, "fill", "%s", "");
    assert_int_equal(errno, 77);
    assert_int_equal(log_dropped(), before + 2);
    while (line().n)
        ;
    log_info(NULL, "again", "%s", "");
    assert_true(line().n > 0);
}

static void clocks_stand_still_and_move(void **state)
{
    char iso[CLOCK_ISO_LEN];

    (void)state;
    assert_int_equal(clock_mono_us(), 1000);
    clock_advance_us(5000);
    assert_int_equal(clock_mono_ms(), 6);
    assert_int_equal(clock_wall_us(), 1783168496128456);
    clock_set_real();
    assert_true(clock_mono_us() > 6000);
    assert_true(clock_wall_us() > 1600000000000000);
    clock_iso(-1, iso);
    assert_string_equal(iso, "1969-12-31T23:59:59.999999Z");
    clock_iso(INT64_MAX, iso);
    assert_int_equal(strlen(iso), CLOCK_ISO_LEN - 1);
    clock_iso(INT64_MIN, iso);
    assert_int_equal(strlen(iso), CLOCK_ISO_LEN - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(silent_levels_evaluate_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_are_printed_with_their_code, setup, teardown),
        cmocka_unit_test_setup_teardown(long_hostile_messages_are_cut_to_one_write, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_full_pipe_drops_and_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(clocks_stand_still_and_move, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
