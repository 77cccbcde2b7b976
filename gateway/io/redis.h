/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redis over our own stream (stream.h), plain or TLS; hiredis only formats and reads.
 *
 * One connection a `struct redis`, commands pipelined in order. Each command has a deadline: when
 * the oldest passes its own, the connection is dropped and everything pending fails by the one path
 * that a lost connection takes. Reconnect with back-off and jitter, then AUTH, SELECT, INFO server
 * (run id) before any user command. A READONLY answer (a demoted master) drops the connection too,
 * so that Sentinel is asked again.
 *
 * Commands started while the connection is down fail at once with ERR_IO (nothing was sent): a
 * hop must answer now, not wait (S3).
 *
 * Never: sends a command twice; keeps more than out_max bytes or pending_max commands.
 */
#ifndef COKO_IO_REDIS_H
#define COKO_IO_REDIS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

#include "gateway/io/loop.h"
#include "gateway/io/op.h"
#include "gateway/lib/base.h"
#include "gateway/lib/err.h"

struct redis_config {
    /*
     * redis://[[user]:password@]host[:port][/db], rediss:// for TLS,
     * redis+sentinel://[[user]:password@]host:port[,host:port...]/master[/db]
     */
    const char *url;
    const char *prefix;          /* first part of every key, see redis_prefix; NULL: "coko" */
    const char *ca_file;         /* TLS: NULL for the system's */
    unsigned connect_timeout_ms; /* TCP, TLS and the greeting together; 0: 1000 */
    unsigned command_timeout_ms; /* 0: 300 */
    unsigned reconnect_min_ms;   /* 0: 50 */
    unsigned reconnect_max_ms;   /* 0: 1000 */
    unsigned pending_max;        /* commands in flight; 0: 4096 */
    size_t out_max;              /* bytes not yet written; 0: 8 MiB */
};

struct redis;

/* Starts connecting and returns at once. NULL and err for a bad url. */
struct redis *redis_open(struct loop *l, const struct redis_config *c, struct err *e);

/* Fails what is pending (ERR_CLOSED), closes. NULL is allowed. */
void redis_close(struct redis *r);

/* True after the greeting, until the connection is lost. */
bool redis_up(const struct redis *r);

/* INFO's run_id of the connected server: 40 hex digits; "" while down. It changes at a restart. */
const char *redis_run_id(const struct redis *r);

/* The configured prefix. */
const char *redis_prefix(const struct redis *r);

/*
 * One command. argvlen may be NULL for NUL-terminated arguments. Bytes are copied before return.
 * op completes with a struct redisReply (an error reply fails it with ERR_REDIS and the
 * server's first words in err.msg), or fails: ERR_IO down or lost (op->unknown when it had been
 * written), ERR_TIMEOUT, ERR_BUSY bounds reached, ERR_CLOSED.
 */
void redis_cmd(struct redis *r, struct op *op, int argc, const char **argv, const size_t *argvlen);

/* The same with hiredis' format: %s string, %b pointer and size_t. */
void redis_cmdf(struct redis *r, struct op *op, const char *fmt, ...);

/* The reply of a finished op; it lives until op_release. NULL when it failed. */
struct redisReply *redis_reply(const struct op *op);

/*
 * A Lua script, sent as EVALSHA; on NOSCRIPT it is sent once as EVAL by the connection itself
 * (nothing was executed). `static struct redis_script s = {.lua = "..."};` is enough.
 */
struct redis_script {
    const char *lua;
    char sha[41]; /* filled at first use */
};
void redis_eval(struct redis *r, struct op *op, struct redis_script *s, int nkeys, int argc,
                const char **argv, const size_t *argvlen);

#endif
