/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a bind, for the files of this room only.
 */
#ifndef COKO_BINDS_BINDS_PARTS_H
#define COKO_BINDS_BINDS_PARTS_H

#include "gateway/binds/binds.h"
#include "gateway/binds/lease.h"
#include "gateway/lib/map.h"

#define BIND_TEXTS 20

struct bind_client_slot {
    const struct bind_client_ops *ops;
    void *arg;
};

struct bind_sink_slot {
    bind_sink_fn *fn;
    void *arg;
};

struct bind {
    struct binds *set;
    const struct bind_config *c; /* config below: what holds now */
    struct bind_config config;
    char *texts[BIND_TEXTS]; /* strings of config that a reload brought */
    char lease_name[80];
    char label[80]; /* bind="name" */
    struct lease lease;
    struct tls *tls;
    struct link *link;   /* NULL: not ours */
    uint32_t generation; /* link objects so far */
    bool up;
    bool stopping;          /* link_stop was called */
    struct loop_timer pump; /* 0 ms: writes what may be written */
    struct loop_timer reap; /* 0 ms: the stopped link goes */
    struct bind_job *busy;  /* inside its done */
    struct bind_queue queue;
    uint32_t reserved;            /* places of the window that only talk may take */
    struct map jobs;              /* client and key -> struct bind_job */
    struct session_stats counted; /* what the metrics have seen */
    uint64_t counted_binds;
    enum bind_wish wish;
    uint64_t reported; /* parts answered when the last report was made */
};

struct binds {
    struct loop *loop;
    struct pg *pg;
    struct bind_client_slot clients[BIND_CLIENTS];
    struct bind_sink_slot sinks[BIND_SINKS];
    bind_talk_fn *talk; /* NULL: only ussd_service_op tells talk */
    void *talk_arg;
    struct loop_timer timer; /* each second: figures; while draining: is it quiet */
    bool draining;
    bool started; /* the first wishes were heard: leases are wanted */
    struct op report_op;
    struct loop_timer report_timer;
    int64_t reported_at; /* loop's ms; 0: never */
    size_t n;
    struct bind all[];
};

/* deliver.c: whose is this delivery? */
enum bind_sink_kind bind_sort(const struct pdu *pdu);
void bind_deliver(struct bind *b, const struct link_delivery *d, const struct pdu *pdu);

/* What the link is told under this configuration. */
struct link_config bind_link_config(const struct bind_config *c, struct tls *tls);
/* The TLS of a link: NULL without, NULL and -1 in *rc when a file is wrong. */
struct tls *bind_tls_new(const struct bind_config *c, int *rc, struct err *e);
/* Would a link take it? */
MUST_CHECK int bind_try(struct bind *b, const struct bind_config *c, struct tls *tls,
                        struct err *e);
/* Frees what reloads brought. */
void bind_forget_texts(struct bind *b);

/* Sets what the operator wishes and acts on it. */
void bind_set_wish(struct bind *b, enum bind_wish wish);
/* Wants the leases of what may run; idempotent. */
void binds_want(struct binds *bs);

/* report.c: says how our binds are and hears the wishes, each second and when the topic says so. */
void binds_report_init(struct binds *bs);
void binds_report_start(struct binds *bs);
void binds_report_stop(struct binds *bs);

/* figures.c: brings the metrics up to date. */
void bind_figures(struct bind *b);
void bind_figures_forget(void);

#endif
