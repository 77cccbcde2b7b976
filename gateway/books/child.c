/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See child.h.
 */
#include "gateway/books/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef COKO_HAVE_SECCOMP
#include <seccomp.h>
#endif

#include "gateway/books/book.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/jsonw.h"

#define ANSWER_MAX (3u * BOOK_TEXT_MAX)

/* ---- in the child ---- */

static void limit(int what, rlim_t n)
{
    struct rlimit r = {n, n};

    setrlimit(what, &r);
}

/* No file may be opened any more. Kernels without Landlock keep the other fences. */
static void forbid_files(void)
{
    struct landlock_ruleset_attr attr = {
        .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                             LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                             LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE};
    long fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);

    if (fd < 0)
        return;
    syscall(SYS_landlock_restrict_self, (int)fd, 0);
    close((int)fd);
}

/* Neither the network nor another program or process. */
static void forbid_calls(void)
{
#ifdef COKO_HAVE_SECCOMP
    static const int calls[] = {SCMP_SYS(socket),
                                SCMP_SYS(socketpair),
                                SCMP_SYS(connect),
                                SCMP_SYS(execve),
                                SCMP_SYS(execveat),
                                SCMP_SYS(ptrace),
                                SCMP_SYS(fork),
                                SCMP_SYS(vfork),
                                SCMP_SYS(clone),
                                SCMP_SYS(clone3),
                                SCMP_SYS(kill),
                                SCMP_SYS(process_vm_readv),
                                SCMP_SYS(process_vm_writev),
                                SCMP_SYS(bpf),
                                SCMP_SYS(keyctl)};
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

    for (size_t i = 0; ctx && i < ARRAY_LEN(calls); i++)
        seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
    if (ctx)
        seccomp_load(ctx);
    seccomp_release(ctx);
#endif
}

static void confine(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    limit(RLIMIT_CPU, CHILD_SECONDS);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NPROC, 0);
#ifndef __SANITIZE_ADDRESS__ /* whose shadow is larger than any honest limit */
    limit(RLIMIT_AS, (rlim_t)1 << 30);
#endif
    forbid_files();
    forbid_calls();
}

static void write_names(struct jsonw *j, const char *key, const struct str *v, size_t n)
{
    jsonw_key(j, key);
    jsonw_array(j);
    for (size_t i = 0; i < n; i++)
        jsonw_str(j, v[i]);
    jsonw_end(j);
}

static void write_book(const struct book *b, struct buf *out)
{
    struct jsonw j;

    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kv_str(&j, "title", b->title);
    jsonw_kv_str(&j, "language", b->language);
    jsonw_kv_str(&j, "summary", b->summary);
    jsonw_kv_str(&j, "slug", b->slug);
    jsonw_kv_i64(&j, "code", b->code);
    write_names(&j, "authors", b->authors, b->nauthors);
    write_names(&j, "categories", b->categories, b->ncategories);
    jsonw_key(&j, "parts");
    jsonw_array(&j);
    for (size_t i = 0; i < b->nparts; i++) {
        jsonw_object(&j);
        jsonw_kv_str(&j, "title", b->parts[i].title);
        jsonw_kv_str(&j, "body", b->parts[i].body);
        jsonw_end(&j);
    }
    jsonw_end(&j);
    jsonw_end(&j);
}

static void write_error(const struct err *e, struct buf *out)
{
    struct jsonw j;

    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "error", e->msg);
    jsonw_end(&j);
}

static int read_text_file(struct book *b, int fd, struct err *e)
{
    struct stat st = {0};
    char *p;
    int rc;

    if (fstat(fd, &st) != 0 || st.st_size <= 0 || st.st_size > (off_t)BOOK_TEXT_MAX)
        return err_set(e, ERR_TOO_BIG, "empty, or larger than %u bytes", BOOK_TEXT_MAX);
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return err_sys(e, ERR_IO, errno, "cannot be read");
    rc = book_read_text(b, str_n(p, (size_t)st.st_size), e);
    munmap(p, (size_t)st.st_size);
    return rc;
}

static void send_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);

        if (n <= 0)
            return;
        s = str_skip(s, (size_t)n);
    }
}

_Noreturn static void child_main(int file, int out, enum book_format format)
{
    struct book b;
    struct buf answer;
    struct err e = {0};
    int rc;

    confine();
    book_init(&b);
    buf_init(&answer, ANSWER_MAX);
    rc = format == BOOK_EPUB ? book_read_epub(&b, file, &e) : read_text_file(&b, file, &e);
    if (rc == 0)
        write_book(&b, &answer);
    else
        write_error(&e, &answer);
    send_all(out, buf_str(&answer));
    buf_fini(&answer);
    book_fini(&b);
    _exit(0);
}

int child_run(int argc, char **argv)
{
    if (argc != 2 || strlen(argv[1]) != 1 || (argv[1][0] != 'e' && argv[1][0] != 't'))
        return -1;
    child_main(STDIN_FILENO, STDOUT_FILENO, argv[1][0] == 'e' ? BOOK_EPUB : BOOK_TEXT);
}

/*
 * Our own program anew: the address space, the environment and the descriptors of the parent, with
 * keys and a database behind them, stay behind. Only what may be called after fork.
 */
_Noreturn static void become_child(int file, int out, enum book_format format)
{
    char name[] = CHILD_COMMAND, kind[] = {format == BOOK_EPUB ? 'e' : 't', '\0'}, prog[] = "coko";
    char *argv[] = {prog, name, kind, NULL}, *envp[] = {NULL};

    if (dup2(file, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
        close_range(3, ~0u, 0) == 0)
        execve("/proc/self/exe", argv, envp);
    _exit(127);
}

/* ---- in the parent ---- */

/* Everything the child says, until it closes or the time is over. */
static int listen_to(int fd, struct buf *answer, struct err *e)
{
    int64_t end = clock_mono_ms() + CHILD_SECONDS * 1000;
    char block[65536];
    ssize_t n = 1;

    while (n > 0 && !answer->failed) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = end - clock_mono_ms();

        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            return err_set(e, ERR_TIMEOUT, "took longer than %d s to read", CHILD_SECONDS);
        n = read(fd, block, sizeof block);
        if (n > 0)
            buf_add(answer, block, (size_t)n);
    }
    return buf_check(answer, e);
}

static bool text_ok(json_t *o, const char *key, size_t max)
{
    json_t *v = json_object_get(o, key);

    return json_is_string(v) && json_string_length(v) <= max;
}

static bool all_strings(json_t *list)
{
    size_t i;
    json_t *v;

    json_array_foreach(list, i, v) {
        if (json_string_length(v) == 0 || json_string_length(v) > BOOK_SUMMARY_MAX)
            return false;
    }
    return json_is_array(list) && json_array_size(list) <= BOOK_NAMES_MAX;
}

static bool parts_ok(json_t *parts)
{
    size_t i;
    json_t *v;

    json_array_foreach(parts, i, v) {
        json_t *body = json_object_get(v, "body");

        if (!text_ok(v, "title", BOOK_TITLE_MAX + 16) || json_string_length(body) == 0 ||
            json_string_length(body) > BOOK_PART_BYTES)
            return false;
    }
    return json_array_size(parts) > 0 && json_array_size(parts) <= BOOK_PARTS_MAX;
}

static json_t *check_answer(struct str bytes, struct err *e)
{
    json_t *root = json_loadb(bytes.p, bytes.n, JSON_REJECT_DUPLICATES, NULL);
    const char *why = json_string_value(json_object_get(root, "error"));

    if (why)
        err_set(e, ERR_BAD_INPUT, "%s", why);
    else if (json_string_length(json_object_get(root, "title")) == 0 ||
             !text_ok(root, "title", BOOK_TITLE_MAX) || !text_ok(root, "language", 2) ||
             !text_ok(root, "summary", BOOK_SUMMARY_MAX) ||
             !text_ok(root, "slug", BOOK_SUMMARY_MAX) ||
             !all_strings(json_object_get(root, "authors")) ||
             !all_strings(json_object_get(root, "categories")) ||
             !parts_ok(json_object_get(root, "parts")))
        err_set(e, ERR_BAD_INPUT, "the file could not be read within its limits");
    else
        return root;
    json_decref(root);
    return NULL;
}

json_t *child_read_book(const char *path, enum book_format format, struct err *e)
{
    int file = open(path, O_RDONLY | O_CLOEXEC), pair[2], status;
    json_t *book = NULL;
    struct buf answer;

    if (file < 0 || pipe2(pair, O_CLOEXEC) != 0) {
        if (file >= 0)
            close(file);
        err_sys(e, ERR_IO, errno, "cannot be opened");
        return NULL;
    }
    pid_t pid = fork();

    if (pid == 0)
        become_child(file, pair[1], format);
    close(pair[1]);
    close(file);
    buf_init(&answer, ANSWER_MAX);
    if (pid < 0)
        err_sys(e, ERR_IO, errno, "no child process");
    else if (listen_to(pair[0], &answer, e) == 0)
        book = check_answer(buf_str(&answer), e);
    close(pair[0]);
    if (pid > 0) {
        kill(pid, SIGKILL); /* it has said all it had to say, or too much */
        waitpid(pid, &status, 0);
    }
    buf_fini(&answer);
    return book;
}
