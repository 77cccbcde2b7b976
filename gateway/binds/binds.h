/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SMPP accounts of this machine. For each [link NAME] section one bind: its lease, its lines
 * (connections, `binds` of them) while the lease is ours, what waits to be written, and who hears
 * what the carrier delivers.
 *
 *                lease taken                        lease in doubt
 *   WAITING ------------------> OWNED (lines open) <--------------> DOUBT (lines kept, answer;
 *      ^                          |                    renewed        |    only talk is written)
 *      +--- lines unbound <-------+---- another epoch exists ---------+
 *
 * The lines of a bind share its lease, its queue and its rate: 0x58 on one pauses all, and what waits
 * goes on oldest first. Each has a window, a link check and a back-off of its own, and a lost one
 * takes nothing from the others. The parts of a message go by one line (M2, queue.h), and by the same
 * one go messages of its class to the same phone while it is there, so that none overtakes another; a
 * receipt or a reader's part may come by any.
 *
 * An operator may pause an account (bind_held turns false, the bind stays) or drain it (its clients
 * end what they began, the link unbinds, nobody wants the lease until the account may run again).
 *
 * Rooms meet here without knowing each other: each registers as a client of what it submits
 * (bind_client_ops, by enum bind_client) and as a sink of what comes in (binds_set_sink).
 *
 * Order of calls: binds_new; binds_set_client, binds_set_sink by each room; binds_start; binds_drain,
 * then binds_idle until true; binds_free.
 *
 * Each written part is answered exactly once by done, and nothing is written again by itself but what
 * the carrier refused with 0x58 (M4). A delivery is answered only when its sink says so: "stored" is
 * the sink's word.
 */
#ifndef COKO_BINDS_BINDS_H
#define COKO_BINDS_BINDS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/binds/queue.h"
#include "gateway/io/loop.h"
#include "gateway/io/pg.h"
#include "gateway/lib/option.h"
#include "smpp/link.h"
#include "smpp/sender.h"

#define BINDS_MAX    64
#define BIND_KEY_MAX (1ull << 48) /* keys of jobs stay below */

/* messaging.account.wish: claim and send; claim nothing; give the bind up as well. */
enum bind_wish { BIND_RUN, BIND_PAUSE, BIND_DRAIN };

enum bind_mode { BIND_MODE_TRX, BIND_MODE_TX, BIND_MODE_RX };
enum bind_concat {
    BIND_CONCAT_UDH8,
    BIND_CONCAT_UDH16,
    BIND_CONCAT_SAR,
    BIND_CONCAT_PAYLOAD,
    BIND_CONCAT_NONE /* the route joins nothing: parts carry a mark for the reader */
};
enum bind_encoding { BIND_ENCODING_GSM7, BIND_ENCODING_AUTO };

/* How a receipt writes the id that a response gave. */
enum bind_id_form {
    BIND_ID_AUTO,        /* try what it says, then its other readings */
    BIND_ID_SAME,        /* alike in both */
    BIND_ID_RECEIPT_DEC, /* hexadecimal in the response, decimal in the receipt */
    BIND_ID_RECEIPT_HEX  /* the other way */
};

/* One [link NAME] section. Strings belong to the configuration, which outlives the binds. */
struct bind_config {
    const char
        *account; /* row of messaging.account; empty: the section's name, set by the loader */
    const char *host;
    int64_t port;
    bool tls;
    const char *ca_file;
    const char *cert_file, *key_file; /* ours, when the message centre asks for one */
    const char *system_id, *password, *system_type;
    const char *outbind_host; /* where the message centre connects to us: outbind */
    int64_t outbind_port;     /* 0: we connect to it */
    const char *outbind_system_id, *outbind_password; /* what it says then */
    int mode;                                         /* enum bind_mode */
    const char *sender;
    int64_t sender_ton, sender_npi, dest_ton, dest_npi;
    const char *service_type;
    const char *statuses;        /* the carrier's own, smpp/statuses.h */
    int64_t binds;               /* lines: connections that are bound at the same time */
    int64_t window, rate, burst; /* window: of each line; rate: of all together */
    int64_t bind_ms, response_ms, enquire_ms, enquire_timeout_ms, connect_ms, retry_min_ms;
    int64_t stable_ms, lease_ms;
    int alphabet; /* enum alphabet: what data_coding 0 of an incoming text means */
    int encoding; /* enum bind_encoding */
    int concat;   /* enum bind_concat */
    int marks;    /* BIND_CONCAT_NONE: 0 before the text, 1 behind it */
    int tables;   /* enum segment_tables, a set */
    bool latin1;  /* takes data_coding 3 */
    int plain;    /* enum alphabet: what data_coding 0 of our texts means to it */
    int astral;   /* enum segment_astral */
    int id_form;  /* enum bind_id_form */
    bool receipts;
    bool reference;
    bool validity;
    const char *country; /* of national numbers; "" for international ones only */
};

extern const struct option_row bind_options[];
extern const size_t bind_options_count;

struct binds_config {
    const struct bind_config *links;
    size_t nlinks;
    const char *owner; /* "instance:slot", of the leases */
};

/* Borrowed; they outlive the binds. */
struct binds_deps {
    struct loop *loop;
    struct pg *pg;
};

struct binds;
struct bind;

/* ---- submitting ---- */

enum bind_client { BIND_SMS, BIND_USSD, BIND_CLIENTS };

enum bind_outcome {
    BIND_ACCEPTED, /* id is the carrier's, maybe empty */
    BIND_REFUSED,  /* status says why; the carrier does not have it */
    BIND_UNKNOWN   /* no answer: the carrier may have it */
};

/* Strings of a submit that need a place until it is encoded. */
struct bind_scratch {
    uint8_t octets[256];
    struct smpp_tlv tlvs[4];
    uint8_t values[8];
    struct sender_address sender;
};

/*
 * What a client is called for. fill and done may call every bind function; the job in done and over
 * is still theirs. Any but fill may be NULL.
 */
struct bind_client_ops {
    /* Writes part no into *out, which is zeroed; views may point into scratch or the job. */
    void (*fill)(void *arg, struct bind_job *job, unsigned no, struct bind_scratch *scratch,
                 struct smpp_submit *out);
    void (*done)(void *arg, struct bind_job *job, unsigned no, enum bind_outcome outcome,
                 uint32_t status, struct str id);
    /* Nothing of the job is left in here: free it. */
    void (*over)(void *arg, struct bind_job *job);
    /* A response to what had been reported as BIND_UNKNOWN; its job may be gone. */
    void (*late)(void *arg, struct bind *b, uint64_t key, unsigned no, uint32_t status,
                 struct str id);
    /* The lease or the link changed. */
    void (*changed)(void *arg, struct bind *b);
    /* Fewer parts wait than before: there is room. */
    void (*room)(void *arg, struct bind *b);
    /* Draining: is there anything that still needs the lease? */
    bool (*quiet)(void *arg, const struct bind *b);
};

/* ---- receiving ---- */

enum bind_sink_kind {
    BIND_RECEIPT,
    BIND_TEXT,
    BIND_TALK_IN,
    BIND_FORWARD, /* a text to a number of another system's */
    BIND_SINKS
};

/* A delivery that waits for its answer; copy it. */
struct bind_delivery {
    struct bind *bind;
    uint32_t generation; /* of the link object; no two of one bind share it */
    struct link_delivery d;
};

/*
 * One deliver_sm or data_sm. The PDU lives until the function returns. It must be answered once,
 * here or later, with bind_answer.
 */
typedef void bind_sink_fn(void *arg, const struct bind_delivery *d, const struct pdu *pdu);

/* Is this talk, though it has no ussd_service_op? Asked before a delivery counts as a text. */
typedef bool bind_talk_fn(void *arg, const struct bind *b, const struct pdu *pdu);

/* Is this text to be forwarded? Asked after the talk. */
typedef bool bind_forward_fn(void *arg, const struct pdu *pdu);

/* ---- the set ---- */

/* NULL and err: two links of one account, a credential that does not fit, a bad CA file. */
struct binds *binds_new(const struct binds_config *c, const struct binds_deps *d, struct err *e);

/* What the carrier of this bind means by a status. */
enum smpp_class bind_status_class(const struct bind *b, uint32_t status);

void binds_set_client(struct binds *bs, enum bind_client who, const struct bind_client_ops *ops,
                      void *arg);
void binds_set_sink(struct binds *bs, enum bind_sink_kind kind, bind_sink_fn *fn, void *arg);
void binds_set_talk(struct binds *bs, bind_talk_fn *fn, void *arg);
void binds_set_forward(struct binds *bs, bind_forward_fn *fn, void *arg);

/*
 * A reload: each link takes over what may change under a live bind (window, rate, burst and the number
 * of lines at once, those that stay are not touched; address, TLS files and credentials at its next connection); what else differs, and links that
 * came or went, are logged as wanting a restart. fresh may go afterwards. A link whose new
 * certificate or password is wrong in itself stays as it is, and is logged.
 */
void binds_reload(struct binds *bs, const struct bind_config *fresh, size_t n);

/* Starts wanting the leases. */
void binds_start(struct binds *bs);

/* Waits until clients are quiet, unbinds, gives the leases back. */
void binds_drain(struct binds *bs);
bool binds_idle(const struct binds *bs);

/* Ends at once: written parts are reported as unknown, then every job is over. NULL is allowed. */
void binds_free(struct binds *bs);

size_t binds_count(const struct binds *bs);
struct bind *binds_at(struct binds *bs, size_t i);
/* By account; NULL: none. */
struct bind *binds_find(struct binds *bs, struct str account);

/* ---- one bind ---- */

const struct bind_config *bind_config_of(const struct bind *b);

/* May we claim and submit now: the lease is held, we are not draining, the operator wishes it. */
bool bind_held(const struct bind *b);
/* What the operator wishes of the account; changed tells of a change. */
enum bind_wish bind_wish_of(const struct bind *b);
/* Is it ours, be it in doubt? */
bool bind_owned(const struct bind *b);
/* Epoch of the lease; grows with each taking. */
int64_t bind_epoch(const struct bind *b);
/* Keeps so many places of each window free of all classes but BIND_TALK; one is always left to them. */
void bind_reserve(struct bind *b, uint32_t places);

/* Is a line bound for submitting? */
bool bind_up(const struct bind *b);
/* Parts that wait to be written. */
uint32_t bind_waiting(const struct bind *b);
/* Parts written and not answered. */
uint32_t bind_flying(const struct bind *b);

/* Before bind_submit: by the line that brought this delivery, as long as it lives (a dialogue). */
void bind_prefer(const struct bind *b, struct bind_job *job, uint32_t generation);

/* Queues the job; its events follow from the loop. */
void bind_submit(struct bind *b, struct bind_job *job);

/* In done with BIND_REFUSED: the part is to be written again; later, after bind_release. */
void bind_retry(struct bind *b, struct bind_job *job, unsigned no);
/* The held job (bind_retry) goes on. */
void bind_release(struct bind *b, struct bind_job *job);

/* No further part of it is written. True: it is over now and forgotten here, over is not called. */
bool bind_drop(struct bind *b, struct bind_job *job);

/* The client goes away: the job is forgotten whatever is still unanswered, no event follows. */
void bind_forget(struct bind *b, struct bind_job *job);

/* Answers a delivery with a command_status. Dropped when its link is gone: the carrier repeats. */
void bind_answer(const struct bind_delivery *d, uint32_t status);

#endif
