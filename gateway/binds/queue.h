/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits to be written to one account: jobs in classes, each job the parts of one message.
 *
 *      bind_queue_add          bind_queue_took            bind_queue_landed
 *   ----------------> todo ---------------------> flying -------------------> over
 *                      ^                             |
 *                      +------ bind_queue_back ------+    (0x58, or tried again)
 *
 * A more urgent class goes first; inside a class jobs keep the order in which they were added, and
 * inside a job the lowest part goes first (M2). A part that comes back stands where it stood: in front
 * of everything added later. Pure: no clock, no socket; jobs belong to the caller.
 */
#ifndef COKO_BINDS_QUEUE_H
#define COKO_BINDS_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/list.h"

#define BIND_PARTS_MAX 255
#define BIND_LINES_MAX 16

/* Classes, most urgent first. Talk with a waiting reader (USSD) is written whatever the lease says. */
enum bind_class { BIND_TALK, BIND_OTP, BIND_REPLY, BIND_NOTICE, BIND_INSTALMENT, BIND_CLASSES };

#define BIND_CLASS_BIT(c) (1u << (c))
#define BIND_ALL_CLASSES  (BIND_CLASS_BIT(BIND_CLASSES) - 1u)

/* Embedded in the caller's message. client, key, reader, class and parts are set by the caller. */
struct bind_job {
    struct list node; /* in its class while it has parts to write */
    uint64_t key;     /* the caller's name for it, below 2^48 */
    uint64_t reader;  /* a hash of the phone it goes to; 0: in no order with others */
    uint8_t client;   /* who gets its events; enum bind_client */
    uint8_t class;    /* enum bind_class */
    uint8_t parts;    /* 1..BIND_PARTS_MAX */
    bool queued;      /* between add and the end */
    bool dropped;     /* nothing more is written */
    bool held;        /* waits for bind_queue_unhold */
    uint8_t line;     /* 1..BIND_LINES_MAX: its parts go by this one; 0: by any */
    uint16_t left;    /* parts to be written */
    uint16_t flying;  /* parts written and not answered */
    uint64_t order;
    uint8_t todo[(BIND_PARTS_MAX + 8) / 8]; /* a bit a part, part 1 first */
};

struct bind_queue {
    struct list classes[BIND_CLASSES];
    uint64_t next_order;
    uint32_t left;   /* parts to be written, all jobs */
    uint32_t held;   /* those of left that are held */
    uint32_t flying; /* parts written and not answered, all jobs */
};

void bind_queue_init(struct bind_queue *q);

/* All parts of the job are to be written. */
void bind_queue_add(struct bind_queue *q, struct bind_job *job);

/* What may be written now: a set of classes (BIND_CLASS_BIT) by line. */
struct bind_room {
    unsigned any;                      /* all of the below together */
    unsigned line[BIND_LINES_MAX + 1]; /* from 1 */
    bool gone[BIND_LINES_MAX + 1];     /* not connected: its jobs may go by another */
};

/* Sets one line's classes, and any. */
void bind_room_set(struct bind_room *room, unsigned line, unsigned classes);

/* The next part that a line has room for, NULL: none. It stays where it is. job->line is 0 when any
 * line will do. */
struct bind_job *bind_queue_next(struct bind_queue *q, const struct bind_room *room, unsigned *no);

/* Part no was written. */
void bind_queue_took(struct bind_queue *q, struct bind_job *job, unsigned no);

/* A written part has its answer, or never will. */
void bind_queue_landed(struct bind_queue *q, struct bind_job *job);

/* A landed part is to be written again, in its old place; of a dropped job it is only marked. */
void bind_queue_back(struct bind_queue *q, struct bind_job *job, unsigned no);

/* Takes the job out of its class without forgetting which parts are to be written. */
void bind_queue_hold(struct bind_queue *q, struct bind_job *job);
/* Puts a held job back in its old place. */
void bind_queue_unhold(struct bind_queue *q, struct bind_job *job);

/* No further part of the job is written. todo stays as it was, for bind_job_wants. */
void bind_queue_drop(struct bind_queue *q, struct bind_job *job);

/* Is part no to be written (or was, when the job was dropped)? */
bool bind_job_wants(const struct bind_job *job, unsigned no);

/* Nothing to write and nothing to be answered. */
static inline bool bind_job_over(const struct bind_job *job)
{
    return job->left == 0 && job->flying == 0;
}

#endif
