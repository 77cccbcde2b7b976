/* SPDX-License-Identifier: Apache-2.0 */
/* The parent's side: fork, ask, read a bounded answer before a deadline, reap. */
#include "smpp/oracle.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/lib/clock.h"
#include "smpp/pdu.h"

#define DEADLINE_MS 3000

enum { CHILD_ANSWERED = 0, CHILD_REFUSED = 3 };

void oracle_show(struct buf *out, const void *p, size_t n)
{
    const uint8_t *at = p;
    bool text = true;

    for (size_t i = 0; i < n; i++)
        text = text && at[i] >= 0x20 && at[i] < 0x7F && at[i] != '\'';
    if (text) {
        buf_addc(out, '\'');
        buf_add(out, p, n);
        buf_addc(out, '\'');
        return;
    }
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%02X", at[i]);
}

void oracle_show_dest(struct buf *out, bool is_list, unsigned ton, unsigned npi, const void *p,
                      size_t n)
{
    if (is_list)
        buf_puts(out, "list ");
    else
        buf_addf(out, "%u %u ", ton, npi);
    oracle_show(out, p, n);
}

void oracle_show_failed(struct buf *out, unsigned ton, unsigned npi, const void *p, size_t n,
                        uint32_t status)
{
    oracle_show_dest(out, false, ton, npi, p, n);
    buf_addf(out, " 0x%02X", (unsigned)status);
}

static void limit(int what, rlim_t most)
{
    struct rlimit r = {.rlim_cur = most, .rlim_max = most};

    if (setrlimit((__rlimit_resource_t)what, &r) != 0)
        _exit(1);
}

static void child_main(enum oracle_question q, const uint8_t *p, size_t n, int fd)
{
    struct buf out;
    size_t done = 0;
    int rc;

    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, 2);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NPROC, 0);
    buf_init(&out, ORACLE_OUT);
    rc = oracle_child(q, p, n, &out);
    while (done < out.len) {
        ssize_t w = write(fd, out.p + done, out.len - done);

        if (w <= 0)
            _exit(1);
        done += (size_t)w;
    }
    _exit(rc == 0 ? CHILD_ANSWERED : CHILD_REFUSED);
}

/* Reads until the child closes its end; false: too slow. */
static bool read_answer(int fd, struct buf *out)
{
    int64_t give_up = clock_mono_ms() + DEADLINE_MS;

    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left = give_up - clock_mono_ms();
        char chunk[4096];
        ssize_t n;

        if (left <= 0 || poll(&wait, 1, (int)left) == 0)
            return false;
        n = read(fd, chunk, sizeof chunk);
        if (n > 0)
            buf_add(out, chunk, (size_t)n);
        else if (n == 0 || errno != EINTR)
            return n == 0;
    }
}

static int judge(pid_t pid, bool in_time, struct buf *out, size_t start, struct err *e)
{
    int status = 0;

    if (!in_time)
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!in_time)
        return err_set(e, ERR_IO, "libsmpp34 did not answer in time");
    if (WIFSIGNALED(status))
        return err_set(e, ERR_IO, "libsmpp34 was ended by signal %d", WTERMSIG(status));
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_ANSWERED)
        return buf_check(out, e);
    if (WEXITSTATUS(status) != CHILD_REFUSED)
        return err_set(e, ERR_IO, "libsmpp34's process ended with status %d", WEXITSTATUS(status));
    (void)err_set(e, ERR_PROTOCOL, "%" STR_FMT, STR_ARG(str_skip(buf_str(out), start)));
    buf_truncate(out, start);
    return -1;
}

/* What must not reach the library at all. */
static int fit_for_it(const uint8_t *p, size_t n, struct err *e)
{
    struct smpp_tlv tlv;
    struct pdu pdu;
    struct err ours;
    struct str rest;
    unsigned count = 0;

    if (n < PDU_HEADER || n > 4096)
        return err_set(e, ERR_UNSUPPORTED, "%zu bytes are not for libsmpp34", n);
    if (pdu_decode(p, n, &pdu, &ours) != 0)
        return err_set(e, ERR_UNSUPPORTED, "not asked: the PDU is malformed");
    for (rest = pdu.tlvs; pdu_tlv_next(&rest, &tlv);)
        count++;
    if (count > ORACLE_TLVS || pdu.flags & (PDU_BODY_BAD | PDU_TRAILING))
        return err_set(e, ERR_UNSUPPORTED, "not asked: too many TLVs, or octets behind them");
    return 0;
}

int oracle_ask(enum oracle_question q, const uint8_t *p, size_t n, struct buf *out, struct err *e)
{
    size_t start = out->len;
    bool in_time;
    int ends[2];
    pid_t pid;

    if (fit_for_it(p, n, e) != 0)
        return -1;
    if (pipe(ends) != 0)
        return err_sys(e, ERR_IO, errno, "pipe");
    pid = fork();
    if (pid == 0)
        child_main(q, p, n, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return err_sys(e, ERR_IO, errno, "fork");
    }
    in_time = read_answer(ends[0], out);
    close(ends[0]);
    return judge(pid, in_time, out, start, e);
}
