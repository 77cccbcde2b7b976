/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files: at their ceiling and one byte over it, behind other bytes, what is no file, and what
 * fails after some of it was read.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/lib/file.h"

#define CEILING 40000u /* several blocks, the last one not whole */

static char path[] = "/tmp/coko-file.XXXXXX";

static void write_bytes(size_t n)
{
    FILE *out = fopen(path, "we");

    assert_non_null(out);
    for (size_t i = 0; i < n; i++)
        assert_int_not_equal(fputc((int)(i % 251), out), EOF);
    assert_int_equal(fclose(out), 0);
}

static int make_path(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int drop_path(void **state)
{
    (void)state;
    return unlink(path);
}

static void a_file_comes_whole_or_not_at_all(void **state)
{
    static const struct {
        size_t bytes;
        enum err_code code;
    } rows[] = {{0, ERR_OK},
                {1, ERR_OK},
                {16384, ERR_OK},
                {16385, ERR_OK},
                {CEILING, ERR_OK},
                {CEILING + 1, ERR_TOO_BIG},
                {CEILING + 20000, ERR_TOO_BIG}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        struct err e = {0};

        write_bytes(rows[i].bytes);
        buf_init(&out, CEILING);
        assert_int_equal(file_read(path, &out, &e), rows[i].code ? -1 : 0);
        assert_int_equal(e.code, rows[i].code);
        for (size_t k = 0; !rows[i].code && k < out.len; k++)
            assert_int_equal((unsigned char)out.p[k], k % 251);
        if (!rows[i].code)
            assert_int_equal(out.len, rows[i].bytes);
        buf_fini(&out);
    }
}

static void it_is_appended(void **state)
{
    struct buf out;
    struct err e = {0};

    (void)state;
    write_bytes(2);
    buf_init(&out, 8);
    buf_puts(&out, "ab");
    assert_int_equal(file_read(path, &out, &e), 0);
    assert_memory_equal(out.p, "ab\0\1", 4);
    assert_int_equal(out.len, 4);
    buf_fini(&out);
}

/* A folder opens, and only then fails: it was taken for an empty file. */
static void what_is_no_file_is_said(void **state)
{
    static const struct {
        const char *path;
        int sys;
    } rows[] = {{"/tmp/coko-no-such-file", ENOENT},
                {"/tmp", EISDIR},
                {"", ENOENT},
                {"/proc/self/mem", EIO}}; /* nothing is mapped at 0 */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        struct err e = {0};

        buf_init(&out, CEILING);
        assert_int_equal(file_read(rows[i].path, &out, &e), -1);
        assert_int_equal(e.code, ERR_IO);
        assert_int_equal(e.sys, rows[i].sys);
        assert_string_equal(e.msg, strerror(rows[i].sys));
        buf_fini(&out);
    }
}

/* A page map is read by eights only: what is left of the ceiling after two blocks is refused. */
static void a_file_that_fails_half_way_is_no_shorter_file(void **state)
{
    struct buf out;
    struct err e = {0};

    (void)state;
    buf_init(&out, (2 * 16384) + 3);
    assert_int_equal(file_read("/proc/self/pagemap", &out, &e), -1);
    assert_int_equal(out.len, 2 * 16384);
    assert_int_equal(e.code, ERR_IO);
    assert_int_equal(e.sys, EINVAL);
    assert_false(out.failed);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_comes_whole_or_not_at_all),
        cmocka_unit_test(it_is_appended),
        cmocka_unit_test(what_is_no_file_is_said),
        cmocka_unit_test(a_file_that_fails_half_way_is_no_shorter_file),
    };

    return cmocka_run_group_tests(tests, make_path, drop_path);
}
