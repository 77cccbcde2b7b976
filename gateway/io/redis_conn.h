/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the Redis client. Shared by redis.c (commands, replies, loss), redis_connect.c (address,
 * Sentinel, greeting) and redis_url.c. Nobody else includes it.
 */
#ifndef COKO_IO_REDIS_CONN_H
#define COKO_IO_REDIS_CONN_H

#include <event2/dns.h>

#include "gateway/io/redis.h"
#include "gateway/io/stream.h"
#include "gateway/io/tls.h"
#include "gateway/lib/list.h"
#include "gateway/lib/log.h"

#define REDIS_HOSTS_MAX 8

struct redis_host {
    char name[256];
    char port[6];
};

struct redis_url {
    bool tls;
    bool sentinel;
    char user[64];
    char password[256];
    char master[64]; /* Sentinel's name of it */
    unsigned db;
    unsigned nhosts;
    struct redis_host hosts[REDIS_HOSTS_MAX];
};

enum redis_state {
    REDIS_DOWN,      /* the timer starts the next attempt */
    REDIS_RESOLVING, /* a name, asynchronously */
    REDIS_ASKING,    /* connecting to a Sentinel and waiting for its answer */
    REDIS_GREETING,  /* connecting to the server, AUTH, SELECT, ROLE, INFO */
    REDIS_UP,
};

/* What a pending command is for. */
enum redis_kind { REDIS_USER, REDIS_MASTER, REDIS_STEP, REDIS_ROLE, REDIS_INFO };

struct redis_req {
    struct op_record record; /* first */
    struct list node;
    enum redis_kind kind;
    int64_t deadline_ms;
    int64_t started_us;
    struct redis_script *script; /* sent as EVALSHA: tail is kept for EVAL */
    int argc;
    size_t tail_len;
    char tail[]; /* number of keys and arguments, in wire form */
};

struct redis {
    struct loop *loop;
    struct redis_config config;
    struct redis_url url;
    char *prefix;
    struct tls *tls;
    struct evdns_base *dns;
    struct evdns_getaddrinfo_request *lookup;
    enum redis_state state;
    struct stream stream;
    redisReader *reader;
    struct list pending;
    unsigned npending;
    struct loop_timer timer;    /* DOWN: next attempt; until UP: the attempt's limit */
    struct loop_timer deadline; /* of the oldest pending command */
    struct redis_host server;   /* where to connect: the url's, or Sentinel's answer */
    unsigned sentinel_at;       /* which Sentinel is asked next */
    unsigned backoff_ms;
    bool told_down;
    bool lost_queued; /* the connection is to be dropped at the end of the turn */
    char run_id[41];
};

/* ---- redis_url.c ---- */
MUST_CHECK int redis_url_parse(const char *url, struct redis_url *u, struct err *e);

/* ---- redis.c ---- */

/* Queues one internal command, NULL-terminated arguments. */
void redis_step(struct redis *r, enum redis_kind kind, ...);
/* Everything pending fails with code; the next attempt is timed. */
void redis_lost(struct redis *r, enum err_code code, const char *why);
extern const struct stream_ops redis_stream_ops;

/* ---- redis_connect.c ---- */
void redis_attempt(struct redis *r);
/* The socket is open: what must be said first. */
void redis_opened(struct redis *r);
/* Answer to an internal command; the reply stays the caller's. */
void redis_step_reply(struct redis *r, enum redis_kind kind, const struct redisReply *reply);
void redis_lookup_cancel(struct redis *r);

#endif
