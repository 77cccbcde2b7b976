/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The confined child: what it can still do (nothing), and what its parent believes (little). This
 * program is its own child, as coko is: see main.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/socket.h>

#include "gateway/books/child.c"

#include "tests/unit/epub_make.h"

/* ---- inside ---- */

/* Runs f confined in a child of this program; what it returns. */
static int confined(int (*f)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        confine();
        _exit(f());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int open_passwd(void)
{
    return open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
}

static int open_new(void)
{
    return open("/tmp/coko-must-not-exist", O_CREAT | O_WRONLY, 0600) < 0 ? errno : 0;
}

static int write_memory_file(void)
{
    int fd = memfd_create("x", 0);

    return fd >= 0 && write(fd, "x", 1) == 1 ? 0 : errno;
}

static int make_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int make_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : 0;
}

static int run_program(void)
{
    char name[] = "true", *argv[] = {name, NULL};

    return execve("/bin/true", argv, NULL) < 0 ? errno : 0;
}

static int gain(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1;
}

static bool have_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static void the_child_reaches_nothing(void **state)
{
    (void)state;
    if (have_landlock()) {
        assert_int_equal(confined(open_passwd), EACCES);
        assert_int_equal(confined(open_new), EACCES);
    }
    assert_int_equal(confined(gain), 0);
#ifdef COKO_HAVE_SECCOMP
    assert_int_equal(confined(make_socket), EPERM);
    assert_int_equal(confined(make_process), EPERM);
    assert_int_equal(confined(run_program), EPERM);
#endif
}

/* RLIMIT_FSIZE 0: a write ends the process by signal. */
static void the_child_writes_no_file(void **state)
{
    int status;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        confine();
        write_memory_file();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
}

/* ---- what it says ---- */

static void check_said(const char *bytes, size_t n, const char *why)
{
    struct err e = {0};
    json_t *book = check_answer(str_n(bytes, n), &e);

    assert_int_equal(book == NULL, why != NULL);
    if (why && !strstr(e.msg, why))
        fail_msg("\"%s\" is not in \"%s\"", why, e.msg);
    json_decref(book);
}

#define HEAD             "{\"title\":\"T\",\"language\":\"fr\",\"summary\":\"\",\"slug\":\"\",\"code\":0,"
#define NAMES            "\"authors\":[\"A\"],\"categories\":[],"
#define PARTS            "\"parts\":[{\"title\":\"\",\"body\":\"x\"}]}"
#define CHECK(text, why) check_said(text, sizeof(text) - 1, why)

static void only_a_book_is_believed(void **state)
{
    static const char limits[] = "could not be read within its limits";

    (void)state;
    CHECK(HEAD NAMES PARTS, NULL);
    CHECK("", limits);
    CHECK("garbage", limits);
    CHECK("[]", limits);
    CHECK("null", limits);
    CHECK("{}", limits);
    CHECK(HEAD NAMES PARTS "trailing", limits);
    CHECK("{\"error\":\"why not\"}", "why not");
    CHECK("{\"error\":7}", limits);
    CHECK(HEAD NAMES "\"parts\":[]}", limits);
    CHECK(HEAD NAMES "\"parts\":{}}", limits);
    CHECK(HEAD NAMES "\"parts\":[{\"title\":\"\",\"body\":\"\"}]}", limits);
    CHECK(HEAD NAMES "\"parts\":[{\"title\":1,\"body\":\"x\"}]}", limits);
    CHECK(HEAD NAMES "\"parts\":[{\"title\":\"\",\"body\":[\"x\"]}]}", limits);
    CHECK(HEAD NAMES "\"parts\":[1]}", limits);
    CHECK(HEAD "\"authors\":[1],\"categories\":[]," PARTS, limits);
    CHECK(HEAD "\"authors\":[\"\"],\"categories\":[]," PARTS, limits);
    CHECK(HEAD "\"authors\":\"A\",\"categories\":[]," PARTS, limits);
    CHECK("{\"title\":\"\",\"language\":\"fr\",\"summary\":\"\",\"slug\":\"\"," NAMES PARTS,
          limits);
    CHECK("{\"title\":\"T\",\"language\":\"french\",\"summary\":\"\",\"slug\":\"\"," NAMES PARTS,
          limits);
    CHECK(HEAD NAMES "\"parts\":[{\"title\":\"\",\"body\":\"a\\u0000b\"}]}", limits);
    CHECK(HEAD NAMES "\"parts\":[{\"title\":\"\",\"body\":\"\xFF\"}]}", limits);
    CHECK(HEAD NAMES "\"title\":\"twice\"," PARTS, limits);
}

static void sizes_are_checked_again(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    buf_puts(&b, HEAD NAMES "\"parts\":[{\"title\":\"\",\"body\":\"");
    for (size_t i = 0; i <= BOOK_PART_BYTES; i++)
        buf_addc(&b, 'x');
    buf_puts(&b, "\"}]}");
    check_said(b.p, b.len, "limits");
    buf_reset(&b);
    buf_puts(&b, HEAD NAMES "\"parts\":[");
    for (int i = 0; i <= BOOK_PARTS_MAX; i++)
        buf_addf(&b, "%s{\"title\":\"\",\"body\":\"x\"}", i ? "," : "");
    buf_puts(&b, "]}");
    check_said(b.p, b.len, "limits");
    buf_reset(&b);
    buf_puts(&b, "{\"title\":\"");
    for (int i = 0; i <= BOOK_TITLE_MAX; i++)
        buf_addc(&b, 'T');
    buf_puts(&b, "\",\"language\":\"fr\",\"summary\":\"\",\"slug\":\"\"," NAMES PARTS);
    check_said(b.p, b.len, "limits");
    buf_reset(&b);
    for (int i = 0; i < 5000; i++)
        buf_addc(&b, '[');
    check_said(b.p, b.len, "limits");
    buf_fini(&b);
}

/* A child that never stops talking is not listened to until its time is over. */
static void talk_has_a_ceiling(void **state)
{
    struct buf answer;
    struct err e = {0};
    int pair[2];

    (void)state;
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    pid_t pid = fork();

    if (pid == 0) {
        char block[4096];

        memset(block, 'x', sizeof block);
        while (write(pair[1], block, sizeof block) > 0)
            continue;
        _exit(0);
    }
    close(pair[1]);
    buf_init(&answer, 1 << 20);
    assert_int_equal(listen_to(pair[0], &answer, &e), -1);
    assert_int_equal(e.code, ERR_TOO_BIG);
    close(pair[0]);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    buf_fini(&answer);
}

/* ---- the whole ---- */

static json_t *read_file(const void *bytes, size_t n, enum book_format format, struct err *e)
{
    char path[] = "/tmp/coko-book-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    close(fd);
    *e = (struct err){0};
    json_t *book = child_read_book(path, format, e);

    unlink(path);
    return book;
}

static void books_are_read_through_the_child(void **state)
{
    static const char text[] = "Title: T\n\n# Un\n\nTexte.\n";
    struct err e;
    json_t *book = read_file(text, sizeof text - 1, BOOK_TEXT, &e);

    (void)state;
    assert_non_null(book);
    assert_string_equal(json_string_value(json_object_get(book, "title")), "T");
    json_decref(book);
    assert_null(read_file("Title: T\nzz\n\n", 12, BOOK_TEXT, &e));
    assert_string_equal(e.msg, "line 2: \"Key: value\" or an empty line expected");
    assert_null(read_file("", 0, BOOK_TEXT, &e));
    assert_non_null(strstr(e.msg, "empty"));
    assert_null(read_file("junk", 4, BOOK_EPUB, &e));
    assert_non_null(strstr(e.msg, "zip"));
    assert_null(child_read_book("/nonexistent/book.txt", BOOK_TEXT, &e));
    assert_non_null(strstr(e.msg, "cannot be opened"));
    assert_null(child_read_book("/tmp", BOOK_TEXT, &e));
}

/* bug: it was a mere fork, with the keys in its memory and the database on an open socket */
static void the_child_takes_nothing_along(void **state)
{
    char said[256] = "";
    int out[2], file = epub_make_from("SHOW", 4);

    (void)state;
    setenv("COKO_KEYS", "1:secret", 1);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    int other = open("/dev/null", O_RDONLY); /* like the database: not close-on-exec */
    pid_t pid = fork();

    if (pid == 0)
        become_child(file, out[1], BOOK_TEXT);
    close(out[1]);
    assert_true(read(out[0], said, sizeof said - 1) > 0);
    assert_string_equal(said, "env=0 fds=3");
    waitpid(pid, NULL, 0);
    close(out[0]);
    close(file);
    close(other);
}

/* What a program that was started as the child still has. */
static int show(void)
{
    extern char **environ;
    int vars = 0, fds = 0;

    while (environ[vars])
        vars++;
    for (int fd = 0; fd < 256; fd++)
        fds += fcntl(fd, F_GETFD) >= 0;
    dprintf(STDOUT_FILENO, "env=%d fds=%d", vars, fds);
    return 0;
}

static bool asked_to_show(void)
{
    char word[4];

    return pread(STDIN_FILENO, word, 4, 0) == 4 && memcmp(word, "SHOW", 4) == 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_child_reaches_nothing),
        cmocka_unit_test(the_child_writes_no_file),
        cmocka_unit_test(only_a_book_is_believed),
        cmocka_unit_test(sizes_are_checked_again),
        cmocka_unit_test(talk_has_a_ceiling),
        cmocka_unit_test(books_are_read_through_the_child),
        cmocka_unit_test(the_child_takes_nothing_along),
    };

    if (argc == 3 && strcmp(argv[1], CHILD_COMMAND) == 0)
        return asked_to_show() ? show() : child_run(argc - 1, argv + 1);
    return cmocka_run_group_tests_name("books/child", tests, NULL, NULL);
}
