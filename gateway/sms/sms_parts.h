/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the SMS room, for its own files. One sms_account a bind; claimed.c asks for outgoing
 * messages, sender.c sends them, record.c writes their outcomes, receipts.c and inbound.c serve what
 * comes in.
 */
#ifndef COKO_SMS_SMS_PARTS_H
#define COKO_SMS_SMS_PARTS_H

#include "gateway/binds/repeat.h"
#include "gateway/lib/log.h"
#include "gateway/lib/msisdn.h"
#include "gateway/sms/batch.h"
#include "gateway/sms/compose.h"
#include "gateway/sms/keyword.h"
#include "gateway/sms/sms.h"
#include "smpp/concat.h"

#define SMS_RECEIPTS_MAX                                                                           \
    500 /* waiting for one commit; twice that, and the carrier is told to wait */
#define SMS_INBOUND_MAX 200  /* texts whose transaction runs */
#define SMS_RECORD_MAX  1000 /* outcomes of one statement */
#define SMS_DEADLINE_MS 12000
#define SMS_WAKE_TOPIC  "coko_message"
#define SMS_ENDED_TOPIC "coko_esme" /* messages of others may have ended */

struct sms_account;

/* One message between its claim and the answer to its last part. */
struct outgoing {
    struct bind_job job;
    struct list node; /* in account->live */
    struct sms_account *account;
    uint64_t id;
    struct segment seg;
    bool secret; /* the text is a code, or an ESME's: wiped */
    bool header; /* octets of an ESME that begin with their own header */
    char number[MSISDN_MAX + 1];
    char sender[16]; /* "": the link's own */
    uint8_t sender_ton, sender_npi;
    char validity[COMPOSE_VALIDITY]; /* of the part being written */
    int64_t ends_at;                 /* loop's ms: not written after it */
    unsigned tries;                  /* answers that asked us to try again */
    bool touched;                    /* a part was written: the carrier may know it */
    bool patient;                    /* it waits to its end; counted in the account */
    bool stopped;                    /* parts not written get `rest` */
    bool silent;                     /* parts not written are not recorded: not ours any more */
    enum batch_status rest;
    int64_t rest_code;
    struct loop_timer again;
    uint32_t *filled; /* by part: loop's ms when it was last made, for the metrics */
};

/* Batches on their way into the database: the first is there or goes next, the last is filled. */
struct record {
    struct list batches;
    struct op op;
    struct loop_timer timer;
    unsigned failures;
    uint64_t added, done; /* outcomes ever given; and off our hands, in their order */
};

struct receipts {
    struct batch batch;
    struct bind_delivery waiting[SMS_RECEIPTS_MAX];
    unsigned n;
    uint64_t after; /* record.added when its last receipt came */
};

struct receiver {
    struct receipts sets[2];
    unsigned filling;
    bool closed; /* the other set is on its way, or waits for record */
    struct op op;
    struct loop_timer timer;
};

struct sms_account {
    struct sms *s;
    struct bind *bind;
    const struct bind_config *link;
    int64_t ready_epoch; /* epoch whose recover is done; 0: none */
    int64_t asked_epoch; /* epoch of the recover in flight */
    int64_t claim_epoch; /* epoch of the claim in flight */
    struct op recover_op, claim_op, cancel_op, back_op, orphan_op, report_op;
    bool more;                    /* the last claim was full */
    bool hand_back;               /* rows may be claimed that we do not hold */
    int64_t back_at;              /* not before */
    unsigned down_polls;          /* seconds without a link */
    unsigned average;             /* parts a message, in eighths */
    bool costly_told;             /* the log knows that UCS-2 costs parts here */
    unsigned live_count, patient; /* messages in hand; of them, those that wait to their end */
    struct list live;
    struct loop_timer poll;
    int64_t orphans_at;
    int64_t report_at; /* when the health is due again */
    bool reported_up;
    struct record record;
    struct receiver receiver;
    uint16_t refs[COMPOSE_REFS];
};

struct sms {
    struct loop *loop;
    struct pg *pg;
    const struct seal_ring *ring;
    struct binds *binds;
    const char *owner;
    bool draining;
    bool esmes;
    struct list inbound; /* struct incoming */
    unsigned inbound_count;
    struct reassembly parts;
    struct repeats repeats;
    size_t naccounts;
    struct sms_account accounts[];
};

/* Runs a statement of the batch lane, which may take longer than a hop would wait. */
void sms_exec(struct sms_account *a, struct op *op, const struct pg_stmt *stmt,
              const struct pg_params *p);

/* Messages may have ended: receipts to others may be due. */
void sms_ended(struct sms_account *a);

struct sms_account *sms_account_of(struct sms *s, const struct bind *b);

/* ---- sender.c ---- */

extern const struct bind_client_ops sms_client_ops;

void sender_init(struct sms_account *a);
void sender_fini(struct sms_account *a);
/* Something may be due: claims when there is room. */
void sender_wake(struct sms_account *a);
/* Asks which live messages are cancelled, when there are any. */
void sender_ask_cancelled(struct sms_account *a);
/* What is past its end and not all written stops; the outbox judges the rest. */
void sender_expire(struct sms_account *a);
/* Takes what was not begun out of our hands: hand_back follows. */
void sender_return(struct sms_account *a);
/* No link, and none will come in time: the rest of what was begun goes to the outbox's judgement. */
void sender_give_up(struct sms_account *a);
bool sender_idle(const struct sms_account *a);
void sender_forget_counters(void);

/* ---- claimed.c ---- */

/* Claims at most max messages under the account's present epoch; claim_op ends with their rows. */
void claimed_ask(struct sms_account *a, unsigned max);
uint64_t claimed_id(const struct op *op, int row);
/* Number, text, sender, end and class of one row. -1 with e set: it cannot be sent; nothing to free. */
int claimed_read(struct sms_account *a, struct op *op, int row, struct outgoing *o, struct err *e);

/* ---- takeover.c ---- */

void takeover_init(struct sms_account *a);
void takeover_fini(struct sms_account *a);
/* The lease or the time changed: recover, hand back, match orphans, as it is due. */
void takeover_step(struct sms_account *a);
/* True when this epoch may claim. */
bool takeover_ready(const struct sms_account *a);
bool takeover_idle(const struct sms_account *a);
void takeover_forget_counters(void);

/* ---- record.c ---- */

void record_init(struct sms_account *a);
void record_fini(struct sms_account *a);
void record_part(struct sms_account *a, const struct batch_part *p);
bool record_idle(const struct sms_account *a);
/* The database is behind: nothing more should be sent. receiver and sender are woken later. */
bool record_behind(const struct sms_account *a);
void record_forget_counters(void);

/* ---- receipts.c ---- */

void receiver_init(struct sms_account *a);
void receiver_fini(struct sms_account *a);
/* Outcomes were recorded, or could not be: receipts that wait for them go on. */
void receiver_wake(struct sms_account *a);
void receiver_on_receipt(void *arg, const struct bind_delivery *d, const struct pdu *pdu);
bool receiver_idle(const struct sms_account *a);
void receiver_forget_counters(void);

/* ---- inbound.c ---- */

void inbound_on_text(void *arg, const struct bind_delivery *d, const struct pdu *pdu);
void inbound_fini(struct sms *s);
void inbound_forget_counters(void);

#endif
