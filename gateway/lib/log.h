/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON object a line on standard output:
 *   {"ts":"2026-07-04T12:34:56.123456Z","level":"info","event":"reply sent","msg":"len=42",
 *    "link":"mtn-1","role":"gateway","instance":"a1:2","pid":4711}
 *
 *     log_info(&t->tag, "reply sent", "op=%s len=%zu", op, len);
 *
 * The level is tested before the arguments are evaluated. Every byte of the message and of the tag
 * fields is JSON escaped, so a peer cannot forge a line. Writing never blocks: what the descriptor
 * does not take is dropped and counted. Numbers of people appear only through msisdn_mask; PIN, OTP
 * and tokens never (S5).
 *
 * Call log_init once a process, after fork; before it, lines go out as role "-" at level info.
 */
#ifndef COKO_LIB_LOG_H
#define COKO_LIB_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/buf.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR, LOG_LEVELS };

/*
 * Who speaks. Every long-lived object holds one and passes its address; NULL is allowed in log
 * calls. print adds the object's fields with log_field*(); `up` (the link of a turn, ...) is
 * printed before it.
 */
struct log_tag {
    void (*print)(const void *obj, struct buf *out);
    const void *obj;
    const struct log_tag *up;
};

/* To be called from a tag's print only: one member "key":value; the key is a plain literal. */
void log_field(struct buf *out, const char *key, struct str value);
void log_field_i64(struct buf *out, const char *key, int64_t value);

extern enum log_level log_threshold; /* read it through log_enabled() */

static inline bool log_enabled(enum log_level level)
{
    return level >= log_threshold;
}

/*
 * event: a short constant phrase to search by; then a printf format with the details ("%s", "" if
 * none).
 */
#define log_at(level, tag, ...)                                                                    \
    do {                                                                                           \
        if (log_enabled(level))                                                                    \
            log_write(level, tag, __VA_ARGS__);                                                    \
    } while (0)
#define log_debug(tag, ...) log_at(LOG_LEVEL_DEBUG, tag, __VA_ARGS__)
#define log_info(tag, ...)  log_at(LOG_LEVEL_INFO, tag, __VA_ARGS__)
#define log_warn(tag, ...)  log_at(LOG_LEVEL_WARN, tag, __VA_ARGS__)
#define log_error(tag, ...) log_at(LOG_LEVEL_ERROR, tag, __VA_ARGS__)

/* Behind the macros; use them. */
void log_write(enum log_level level, const struct log_tag *tag, const char *event, const char *fmt,
               ...) PRINTF_LIKE(4, 5);

/*
 * An error, logged once where it is decided: adds "err" (name), "errno" if any, and err->msg as the
 * message.
 */
void log_err(enum log_level level, const struct log_tag *tag, const char *event,
             const struct err *err);

/* Role and instance ("a1:2") printed with each line (copied, cut at 31 bytes). */
void log_init(enum log_level level, const char *role, const char *instance);

void log_set_level(enum log_level level);

/* Where lines go (default 1). Not closed here. The descriptor should be non-blocking or a file. */
void log_set_fd(int fd);

/* Lines lost since the start because the descriptor was full. */
uint64_t log_dropped(void);

/* "debug", "info", ...; and back: false if unknown. */
const char *log_level_name(enum log_level level);
MUST_CHECK bool log_level_parse(struct str name, enum log_level *out);

#endif
