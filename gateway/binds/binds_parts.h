/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a bind, for the files of this room only.
 */
#ifndef COKO_BINDS_BINDS_PARTS_H
#define COKO_BINDS_BINDS_PARTS_H

#include "gateway/binds/binds.h"
#include "gateway/binds/lease.h"
#include "gateway/lib/map.h"

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
    const struct bind_config *c;
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
    size_t n;
    struct bind all[];
};

/* deliver.c: whose is this delivery? */
enum bind_sink_kind bind_sort(const struct pdu *pdu);
void bind_deliver(struct bind *b, const struct link_delivery *d, const struct pdu *pdu);

/* figures.c: brings the metrics up to date. */
void bind_figures(struct bind *b);
void bind_figures_forget(void);

#endif
