/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line is built in one bounded buffer and leaves in one write: at most PIPE_BUF bytes, so that
 * lines of several processes on one pipe never mix. A message whose escaped form is too long is
 * halved until the line fits.
 */
#include "gateway/lib/log.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/lib/clock.h"

#define LOG_LINE_MAX PIPE_BUF
#define LOG_MSG_MAX  2048

/* The process's log: one of the globals that the design allows. */
static struct {
    int fd;
    char role[32], instance[32];
    _Atomic uint64_t dropped;
} out = {.fd = 1, .role = "-", .instance = "-"};

enum log_level log_threshold = LOG_LEVEL_INFO;

static const char *const level_names[LOG_LEVELS] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};

void log_field(struct buf *b, const char *key, struct str value)
{
    buf_puts(b, ",\"");
    buf_puts(b, key);
    buf_puts(b, "\":");
    buf_json_string(b, value);
}

void log_field_i64(struct buf *b, const char *key, int64_t value)
{
    buf_puts(b, ",\"");
    buf_puts(b, key);
    buf_puts(b, "\":");
    buf_add_i64(b, value);
}

static void log_tags(struct buf *b, const struct log_tag *tag)
{
    if (!tag)
        return;
    log_tags(b, tag->up);
    if (tag->print)
        tag->print(tag->obj, b);
}

struct line {
    enum log_level level;
    const struct log_tag *tag;
    const char *event;
    struct str msg;
    const struct err *err; /* or NULL */
};

static void log_render(struct buf *b, const struct line *line)
{
    char ts[CLOCK_ISO_LEN];

    clock_iso(clock_wall_us(), ts);
    buf_addf(b, "{\"ts\":\"%s\",\"level\":\"%s\"", ts, level_names[line->level]);
    log_field(b, "event", str_c(line->event));
    log_field(b, "msg", line->msg);
    if (line->err) {
        log_field(b, "err", str_c(err_name(line->err->code)));
        if (line->err->sys)
            log_field_i64(b, "errno", line->err->sys);
    }
    log_tags(b, line->tag);
    log_field(b, "role", str_c(out.role));
    log_field(b, "instance", str_c(out.instance));
    log_field_i64(b, "pid", getpid());
    buf_puts(b, "}\n");
}

/* A full pipe must not stop the loop: ask first, since the descriptor may be blocking. */
static bool log_put(const char *p, size_t n)
{
    struct pollfd ready = {.fd = out.fd, .events = POLLOUT};
    ssize_t done;

    if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
        return false;
    do {
        done = write(out.fd, p, n);
    } while (done < 0 && errno == EINTR);
    return done == (ssize_t)n;
}

static void log_emit(struct line *line)
{
    char mem[LOG_LINE_MAX];
    struct buf b;

    buf_init_fixed(&b, mem, sizeof(mem));
    log_render(&b, line);
    while (b.failed && line->msg.n) {
        line->msg = str_head(line->msg, line->msg.n / 2);
        buf_reset(&b);
        log_render(&b, line);
    }
    if (b.failed || !log_put(b.p, b.len))
        atomic_fetch_add_explicit(&out.dropped, 1, memory_order_relaxed);
}

void log_write(enum log_level level, const struct log_tag *tag, const char *event, const char *fmt,
               ...)
{
    char msg[LOG_MSG_MAX];
    struct line line = {.level = level, .tag = tag, .event = event};
    int saved = errno;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    line.msg = str_n(msg, n < 0 ? 0 : MIN((size_t)n, sizeof(msg) - 1));
    log_emit(&line);
    errno = saved;
}

void log_err(enum log_level level, const struct log_tag *tag, const char *event,
             const struct err *err)
{
    struct line line = {
        .level = level, .tag = tag, .event = event, .msg = str_c(err->msg), .err = err};
    int saved = errno;

    if (log_enabled(level))
        log_emit(&line);
    errno = saved;
}

void log_init(enum log_level level, const char *role, const char *instance)
{
    log_set_level(level);
    snprintf(out.role, sizeof(out.role), "%s", role);
    snprintf(out.instance, sizeof(out.instance), "%s", instance);
}

void log_set_level(enum log_level level)
{
    assert(level < LOG_LEVELS);
    log_threshold = level;
}

void log_set_fd(int fd)
{
    out.fd = fd;
}

uint64_t log_dropped(void)
{
    return atomic_load_explicit(&out.dropped, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
    return (unsigned)level < LOG_LEVELS ? level_names[level] : "?";
}

bool log_level_parse(struct str name, enum log_level *level)
{
    for (unsigned i = 0; i < LOG_LEVELS; i++) {
        if (str_eq_c(name, level_names[i])) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}
