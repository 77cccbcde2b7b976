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

/* One connection of a bind. */
struct bind_line {
    struct bind *bind;
    unsigned no;         /* from 1 */
    char name[72];       /* the account's, -rx of a receiver; from the second line on #2, #3 */
    char label[96];      /* bind="name" */
    struct link *link;   /* NULL: none */
    uint32_t generation; /* of link */
    bool up;
    bool stopping;                /* link_stop was called */
    uint32_t flying;              /* parts written and not answered */
    struct loop_timer reap;       /* 0 ms: the stopped link goes */
    struct session_stats counted; /* what the metrics have seen */
    uint64_t counted_binds;
    uint64_t reported; /* parts answered when the last report was made */
};

struct bind {
    struct binds *set;
    const struct bind_config *c; /* config below: what holds now */
    struct bind_config config;
    char *texts[BIND_TEXTS]; /* strings of config that a reload brought */
    char lease_name[80];
    struct lease lease;
    struct tls *tls;
    struct rate rate;         /* of all lines together */
    struct statuses statuses; /* read from c->statuses by bind_try */
    struct bind_line lines[BIND_LINES_MAX];
    uint32_t generations;   /* link objects so far */
    unsigned last_line;     /* that took a new job */
    struct loop_timer pump; /* 0 ms: writes what may be written */
    struct bind_job *busy;  /* inside its done */
    struct bind_queue queue;
    uint32_t reserved;  /* places of each window that only talk may take */
    struct map jobs;    /* client and key -> struct bind_job */
    struct map readers; /* phone and class -> the job that was begun last, until its end */
    enum bind_wish wish;
};

#define EACH_CLIENT(b, slot)                                                                       \
    (struct bind_client_slot *slot = (b)->set->clients; slot < (b)->set->clients + BIND_CLIENTS;   \
     slot++) if (slot->ops != NULL)

#define EACH_LINE(b, line)                                                                         \
    (struct bind_line *line = (b)->lines; line < (b)->lines + BIND_LINES_MAX; line++)

struct binds {
    struct loop *loop;
    struct pg *pg;
    struct bind_client_slot clients[BIND_CLIENTS];
    struct bind_sink_slot sinks[BIND_SINKS];
    bind_talk_fn *talk; /* NULL: only ussd_service_op tells talk */
    void *talk_arg;
    bind_forward_fn *forward; /* NULL: nothing is */
    void *forward_arg;
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
void bind_deliver(const struct bind_line *line, const struct link_delivery *d,
                  const struct pdu *pdu);

/* What a line's link is told under this configuration. */
struct link_config bind_link_config(const struct bind_line *line, const struct bind_config *c,
                                    struct tls *tls);
/* The TLS of a link: NULL without, NULL and -1 in *rc when a file is wrong. */
struct tls *bind_tls_new(const struct bind_config *c, int *rc, struct err *e);
/* Would a link take it? Then the statuses of c hold. */
MUST_CHECK int bind_try(struct bind *b, const struct bind_config *c, struct tls *tls,
                        struct err *e);
/* Frees what reloads brought. */
void bind_forget_texts(struct bind *b);

/* binds.c: we, or the operator for this account, want to be without the bind. */
bool bind_leaving(const struct bind *b);
/* The lease or a line changed: the clients hear it, and what may be written is. */
void bind_tell_changed(struct bind *b);
/* Sets what the operator wishes and acts on it. */
void bind_set_wish(struct bind *b, enum bind_wish wish);
/* Wants the leases of what may run; idempotent. */
void binds_want(struct binds *bs);

/* lines.c: prepares, opens nothing. */
void bind_lines_init(struct bind *b);
/* Ends all at once; parts in flight are reported as unknown. */
void bind_lines_fini(struct bind *b);
/* As many lines as are configured: opens what is missing, lets go of what is too many. */
void bind_lines_fit(struct bind *b);
/* All say goodbye. Idempotent; the last one gone, the lease goes too when the bind is leaving. */
void bind_lines_leave(struct bind *b);
/* Has none a link, be it one that says goodbye? */
bool bind_lines_gone(const struct bind *b);

/* jobs.c: what a line's link tells about a part. */
void bind_jobs_init(struct bind *b, struct loop *l);
void bind_jobs_fini(struct bind *b);
void bind_on_answer(struct bind *b, uint64_t tag, uint32_t status, struct str id, bool late);
void bind_on_throttled(struct bind *b, uint64_t tag);
void bind_on_unknown(struct bind *b, uint64_t tag);
/* Writes what may be written, from the loop. */
void bind_pump_soon(struct bind *b);

/* report.c: says how our binds are and hears the wishes, each second and when the topic says so. */
void binds_report_init(struct binds *bs);
void binds_report_start(struct binds *bs);
void binds_report_stop(struct binds *bs);

/* figures.c: brings the metrics up to date. */
void bind_figures(struct bind *b);
void bind_figures_forget(void);

#endif
