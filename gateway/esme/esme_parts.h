/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the ESME room, for its own files. One esme_account a section; accounts.c makes and
 * reloads them, submit.c fills the outbox up to ceiling.c, manage.c answers what asks about it, deliver.c gives
 * receipts back and texts.c readers' texts, node.c counts over all machines, esme.c owns lease,
 * listener and peers.
 */
#ifndef COKO_ESME_ESME_PARTS_H
#define COKO_ESME_ESME_PARTS_H

#include "gateway/binds/lease.h"
#include "gateway/binds/repeat.h"
#include "gateway/esme/esme.h"
#include "gateway/esme/request.h"
#include "gateway/lib/arena.h"
#include "gateway/lib/jsonw.h"
#include "gateway/lib/list.h"
#include "smpp/server.h"

#define ESME_SUBMITS_MAX  64   /* submits of one statement; fewer with a submit_multi among them */
#define ESME_RECEIPTS_MAX 5000 /* on binds, or answered and not recorded */
#define ESME_WAKE_TOPIC   "coko_message"
#define ESME_TEXT_TAG     (UINT64_C(1) << 62) /* of a delivery: a row of esme_text, not esme_receipt */

enum esme_bind { ESME_TRANSMITTER = 1, ESME_RECEIVER = 2, ESME_TRANSCEIVER = 4 };

struct submit {
    struct list batches; /* struct submit_batch: the first is there or goes next */
    unsigned rows;       /* numbers that wait in them */
    struct op op;
    struct loop_timer timer;
    int64_t since; /* loop's ms: when the first one was first sent; 0: it was not */
};

/* What of it waits in the outbox: counted + since at most. */
struct ceiling {
    struct op op;
    int64_t counted;  /* rows, when they were last counted */
    int64_t since;    /* numbers accepted that the count may not have seen */
    int64_t gone;     /* of them, those that the count which runs sees */
    int64_t began_at; /* loop's ms: of the last count */
    int64_t again_at; /* likewise: not counted before */
    bool known;
};

/* Of receipts, and of texts. */
struct deliver {
    struct op op;   /* of the take */
    bool more;      /* the last take brought something, or there was no room for one */
    unsigned asked; /* rows that a take which is running may bring */
};

struct esme_account {
    struct esme *room;
    struct arena arena; /* of config's strings */
    struct esme_config config;
    bool gone; /* its section went: nobody binds */
    struct smsc_account smsc;
    struct submit submit;
    struct ceiling ceiling;
    struct deliver deliver, texts;
    bool texts_first;    /* of the next free place on a bind */
    unsigned joining;    /* binds that wait to be counted */
    uint32_t told_binds; /* what the other machines were told */
    uint64_t told_used;
    int64_t heard_at;  /* loop's ms: when they last told us */
    int64_t elsewhere; /* parts that they had submitted when they last told us; -1: never */
    uint64_t counted_rate, counted_queue, counted_bad; /* what the metrics have seen */
    int64_t told_at; /* loop's ms: when the log last heard of a refusal */
    unsigned untold;
    char label[80];
};

struct esme_peer {
    uint64_t id; /* 0: the place is free */
    struct esme_account *account;
    bool receives;
};

/* Answers of ESMEs to receipts and texts, on their way into messaging.esme_answered. */
struct answer_set {
    struct buf text;
    struct jsonw json;
    unsigned n;
};

struct answers {
    struct answer_set sets[2];
    unsigned filling;
    bool closed; /* the other set is on its way */
    struct op op;
    struct loop_timer timer;
};

struct esme {
    struct loop *loop;
    struct pg *pg;
    const struct seal_ring *ring;
    int (*listen)(const char *address, bool shared, struct err *e);
    const struct esme_server_config *config;
    struct tls *tls;
    char lease_name[80];
    struct lease lease;
    struct smpp_server *server; /* NULL: not listening */
    bool stopping;              /* the server says goodbye */
    bool draining;
    struct loop_timer poll;
    struct op release_op;
    int64_t released; /* epoch under which what another had was made due again */
    struct esme_peer *peers;
    struct list manages; /* struct manage */
    struct answers answers;
    unsigned flying; /* receipts and texts on binds */
    struct binds *binds;
    struct list storings; /* texts on their way into rows */
    unsigned nstoring;
    struct repeats repeats;
    struct list joinings; /* node.c */
    struct op meet_op;
    struct loop_timer meet_timer;
    int64_t idle_at; /* loop's ms: when those at rest are told of again */
    bool alone;      /* the last telling failed */
    struct smpp_server_stats counted;
    size_t naccounts;
    struct esme_account *accounts[ESME_ACCOUNTS_MAX];
};

/* ---- address.c, options.c ---- */

bool esme_network_good(const char *text);
/* address: as a socket tells it. */
bool esme_address_allowed(const struct option_list *networks, const char *address);
/* enum esme_bind of "transmitter" ...; 0: none. */
unsigned esme_bind_bit(const char *word);

/* ---- accounts.c ---- */

/* By system_id; NULL: nobody may bind so. */
struct esme_account *account_find(struct esme *s, struct str system_id);
/* By section; NULL: none. */
struct esme_account *account_named(struct esme *s, const char *name);
/* Takes over these sections: new ones come, others change or go (their peers are the caller's). */
void accounts_set(struct esme *s, const struct esme_config *fresh, size_t n);
void accounts_fini(struct esme *s);

/* ---- submit.c ---- */

void submit_init(struct esme_account *a);
void submit_fini(struct esme_account *a);
/* Judges and queues it; answers at once, or after the commit. */
void submit_take(struct esme_account *a, uint64_t peer, const struct pdu *p);
bool submit_idle(const struct esme_account *a);
void submit_forget_counters(void);
/* Charges the tokens of a submit's further parts; false: too fast. */
bool submit_afford(struct esme_account *a, unsigned parts);
/* The sealed text or octets, appended to out. */
void submit_seal(const struct esme *s, const struct esme_request *r, struct buf *out);

/* ---- ceiling.c ---- */

void ceiling_init(struct esme_account *a);
void ceiling_fini(struct esme_account *a);
/* May so many messages more wait in the outbox? false: not now, the rows are counted again. */
bool ceiling_room(struct esme_account *a, unsigned numbers);
/* So many were let in. */
void ceiling_took(struct esme_account *a, unsigned numbers);
void ceiling_forget_counters(void);

/* ---- manage.c ---- */

void manage_take(struct esme_account *a, uint64_t peer, const struct pdu *p);
void manage_fini(struct esme *s);
void manage_forget_counters(void);

/* ---- deliver.c ---- */

void deliver_init(struct esme_account *a);
void deliver_fini(struct esme_account *a);
/* Takes receipts and texts for it when one of its binds has room, in turn which of them first. */
void deliver_wake(struct esme_account *a);
/* tag: the row's id, of a text with ESME_TEXT_TAG. */
void deliver_answered(struct esme *s, struct esme_account *a, uint64_t tag, uint32_t status,
                      bool late);
/* No answer in time, or (ended) its bind is gone. */
void deliver_unanswered(struct esme *s, uint64_t tag, bool ended);
bool deliver_idle(const struct esme *s);
/* For texts.c: a bind that would take one. */
struct esme_peer *deliver_peer(struct esme_account *a);
/* How many d may take now, counted into d->asked; 0: none, or a take of d is running. */
unsigned deliver_room(struct esme_account *a, struct deliver *d);
void answers_init(struct esme *s);
void answers_fini(struct esme *s);
void deliver_forget_counters(void);

/* ---- texts.c ---- */

void texts_init(struct esme *s);
void texts_fini(struct esme *s);
void texts_account_init(struct esme_account *a);
void texts_account_fini(struct esme_account *a);
/* Takes texts for it when one of its binds has room; deliver_wake says when. */
void texts_take(struct esme_account *a);
bool texts_idle(const struct esme *s);
void texts_forget_counters(void);
/* number: as esme_source_read writes it. */
bool esme_has_number(const struct esme_config *c, const char *number);

/* ---- node.c ---- */

void node_init(struct esme *s);
void node_fini(struct esme *s);
/* A bind that was judged: esme_accept or esme_refuse follows. */
void node_join(struct esme *s, struct esme_account *a, uint64_t peer, bool receives);
/* The others are told what we have in so many ms. */
void node_wake(struct esme *s, int64_t ms);

/* ---- figures.c ---- */

void esme_figures(struct esme *s);
void esme_figures_forget(void);

/* ---- esme.c ---- */

/* The end of a bind that waited to be counted. */
void esme_accept(struct esme *s, uint64_t peer, struct esme_account *a, bool receives);
void esme_refuse(struct esme *s, uint64_t peer, uint32_t status);

/* Receipts may be taken: the lease is ours and what another had is due again. */
bool esme_may_deliver(const struct esme *s);

#endif
