/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port behind which every payment rail stands, and what a rail's answer means for a charge.
 *
 * A rail is pure: it builds HTTP requests from a charge and reads HTTP responses into a verdict. The
 * machine (charge.c) sends, times, caches tokens and records. So a rail is tested with tables, and
 * one that lies can only produce a wrong verdict, never a second debit: the reference is ours, it
 * is committed before the first byte (I2) and it never changes (I3).
 *
 * The verdict's event is one of billing.charge_event's (tests/integration/test_money_words.py
 * compares the two lists). The legal moves are the rows of billing.charge_transition and of nothing
 * else; in short:
 *
 *   SUBMITTING  accepted, duplicate, pending -> PENDING      not_sent -> READY (same reference)
 *               success, sync_success -> SUCCEEDED           unknown  -> UNKNOWN
 *               declined, rejected -> FAILED                 expired  -> EXPIRED
 *               code_refused -> CREATED (new reference, a new code is asked), the third FAILED
 *   PENDING     success -> SUCCEEDED   declined -> FAILED    expired  -> EXPIRED
 *               not_sent, unknown, not_found, rejected: stays (no answer proves nothing, M4, I12)
 *   UNKNOWN     as PENDING; pending, accepted -> PENDING; third not_found after 60 s -> READY;
 *               not_issued -> READY (new reference), while no link was handed out
 *   FAILED, EXPIRED  success -> SUCCEEDED_LATE
 *   any live    mismatch -> REVIEW
 *
 * Three kinds of rail, by billing.rail.flow:
 *   push  the rail asks the payer by itself; our reference is the rail's (MTN)
 *   link  the submit makes a link (link, rail_ref); its SMS is a row of the same transaction. A
 *         submit whose answer was lost made a link that nobody has: once a question says not_issued,
 *         a new reference is allowed (I3, hard case 31)
 *   code  the charge waits in CREATED until the payer types a code, which is in rail_charge.otp for
 *         the one submit and nowhere else (I11)
 */
#ifndef COKO_MONEY_RAIL_H
#define COKO_MONEY_RAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/io/token.h"
#include "gateway/lib/arena.h"
#include "gateway/lib/option.h"
#include "gateway/lib/str.h"

#define RAIL_REF_MAX    64  /* of a rail's own id */
#define RAIL_LINK_MAX   400 /* of an address that a payer opens */
#define RAIL_MEMO_MAX   512
#define RAIL_FOLLOW_MAX 4 /* further requests of one piece of work */

enum charge_event {
    CHARGE_ACCEPTED,
    CHARGE_DUPLICATE,
    CHARGE_PENDING,
    CHARGE_SYNC_SUCCESS,
    CHARGE_SUCCESS,
    CHARGE_DECLINED,
    CHARGE_EXPIRED,
    CHARGE_NOT_SENT,
    CHARGE_UNKNOWN,
    CHARGE_REJECTED,
    CHARGE_NOT_FOUND,
    CHARGE_NOT_ISSUED, /* the rail has nothing under this reference, and no payer has a link to it */
    CHARGE_CODE_REFUSED, /* the payer's code was wrong, over or used: nothing was debited */
    CHARGE_MISMATCH,
    CHARGE_EVENTS,
};

/* The word that billing.charge_event takes. */
const char *charge_event_name(enum charge_event ev);

/*
 * What a rail must know of a charge. Strings live as long as the work; what is not known is "".
 * payer is opened for a submit and a refund only, and wiped after the call, as otp is. A rail that
 * wants the national form of a number makes it from payer and country at its own edge.
 */
struct rail_charge {
    struct str our_ref;  /* uuid v4, lower case */
    struct str rail_ref; /* the rail's own id, from an earlier verdict */
    struct str memo;     /* likewise: what the rail's questions need and nobody may read */
    struct str link;     /* handed out to the payer */
    bool by_link;        /* billing.rail.flow is link: who has no link cannot pay */
    bool revoke; /* of a question: nobody should pay it any more; end what can be ended (I13) */
    struct str payer;   /* E.164 digits */
    struct str country; /* of the payer's number, "SN" */
    struct str network; /* our word, "orange" */
    struct str otp;     /* digits the payer typed, for this submit alone (I11) */
    /* Of a question: Unix time of the submits under our_ref that may have left, by the database's
     * clock; 0: none. */
    int64_t first_sent_s, last_sent_s;
    int64_t amount_minor;
    struct str currency;
    struct str label; /* of the plan, for the payer's screen */
};

/* A refund of a charge that succeeded; amount_minor of the charge is what is given back. */
struct rail_refund {
    struct rail_charge charge;
    struct str rail_txn;        /* of the charge, as the rail named it */
    struct str our_ref;         /* of the refund: uuid v4, committed before the first byte */
    struct str rail_refund_ref; /* from an earlier verdict's rail_ref */
};

/* What is asked of a rail about a mandate: leave to debit a payer without a prompt. */
enum rail_mandate_act {
    MANDATE_ASK,      /* the payer is asked for it, under our_ref */
    MANDATE_QUESTION, /* what became of it; success: he said yes */
    MANDATE_END,      /* forget it; success, or not_found: it is forgotten */
};

struct rail_mandate {
    enum rail_mandate_act act;
    struct str our_ref; /* uuid v4, committed before the first byte */
    struct str payer;   /* E.164 digits, of an ask alone */
    struct str country, currency, label;
    unsigned valid_days;
};

struct rail_verdict {
    enum charge_event event;
    bool token_refused;     /* 401: mint a token and try once more */
    bool new_word;          /* reason holds a status that this rail never published (I12) */
    bool more;              /* one more request before this is recorded: follow_request */
    unsigned step;          /* the rail's own count of those; 0 at the first answer */
    char aim[RAIL_REF_MAX]; /* what that request is about; never recorded */
    char reason[64];        /* the rail's word: printable ASCII, cut */
    char rail_txn[64];      /* likewise */
    bool has_amount;
    int64_t amount_minor;
    char currency[4];
    unsigned next_poll_s;         /* 0: the ladder */
    char rail_ref[RAIL_REF_MAX];  /* "": as it was */
    char link[RAIL_LINK_MAX + 1]; /* "": none. Set it by rail_take_link */
    char memo[RAIL_MEMO_MAX];     /* "": as it was; sealed in the row */
    char callback_key[128];       /* "": none. What true callbacks will bring; kept as a hash */
    unsigned expires_s; /* of the link or the prompt, from now; 0: billing.rail.prompt_s */
};

/* ---- callbacks ---- */

enum callback_trust {
    CALLBACK_UNSIGNED, /* this rail signs nothing, or not by itself: hint.proof decides */
    CALLBACK_VERIFIED,
    CALLBACK_REFUSED, /* 401, counted, not read and not kept */
};

/* The headers that any rail's callbacks are judged by, in the order of rail_header_names. */
enum rail_header {
    RAIL_CONTENT_TYPE,
    RAIL_REFERENCE_ID,
    RAIL_AUTHORIZATION,
    RAIL_WAVE_SIGNATURE,
    RAIL_SONATEL_SIGNATURE,
    RAIL_SONATEL_IDEMPOTENCY_KEY,
    RAIL_HEADERS,
};
extern const char *const rail_header_names[RAIL_HEADERS];

/* A callback as it came. A header that is absent is "". */
struct rail_callback {
    struct str header[RAIL_HEADERS];
    struct str tail; /* of the path, behind /pay/<code>/<secret>/ */
    struct str body; /* raw */
    int64_t now_s;   /* Unix time; signatures have a window */
};

/* What a callback says it is about. All strings may be "". A hint, nothing more (I7). */
struct rail_hint {
    struct str our_ref; /* our reference, or, when there is none, the rail's own id of the charge */
    struct str event_id; /* what makes two deliveries one event (I6); "": the body is */
    struct str proof;    /* must be the charge's callback_key, else the callback is refused */
    bool wants_proof;
};

/* ---- the port ---- */

struct rail;

/*
 * Request builders fill rq from the arena; token is the current bearer, "" for a rail without. One
 * that cannot or need not ask leaves rq->url NULL: a submit is then CHARGE_REJECTED (hard case 30),
 * a question is `unasked`.
 * Readers never fail: what they cannot read is CHARGE_UNKNOWN. They fill the whole verdict, which is
 * zero but for step when they are called. A reader that sets more is called again, as follow_read,
 * with the answer to follow_request; at most RAIL_FOLLOW_MAX times.
 */
struct rail_type {
    const char *code; /* billing.rail.code, and the first part of its callback path */
    bool needs_token;
    enum charge_event unasked; /* what a poll_request without an address means: 0 is no meaning */
    void (*token_request)(const struct rail *r, struct arena *a, struct http_request *rq);
    bool (*token_read)(const struct rail *r, const struct http_response *rs, struct token_value *t);
    void (*submit_request)(const struct rail *r, struct arena *a, const struct rail_charge *c,
                           const char *token, struct http_request *rq);
    void (*submit_read)(const struct rail *r, const struct rail_charge *c,
                        const struct http_response *rs, struct rail_verdict *v);
    /* The status; for a rail that does not take our reference and whose own is not known yet, the
     * search for ours. */
    void (*poll_request)(const struct rail *r, struct arena *a, const struct rail_charge *c,
                         const char *token, struct http_request *rq);
    void (*poll_read)(const struct rail *r, const struct rail_charge *c,
                      const struct http_response *rs, struct rail_verdict *v);
    /* NULL for a rail whose verdicts never want more. v is the one that did. */
    void (*follow_request)(const struct rail *r, struct arena *a, const struct rail_charge *c,
                           const char *token, const struct rail_verdict *v,
                           struct http_request *rq);
    void (*follow_read)(const struct rail *r, const struct rail_charge *c,
                        const struct http_response *rs, struct rail_verdict *v);

    /* Refunds; all NULL for a rail that has none. success: the money is back. refund_token_request:
     * for a rail whose refunds want another token than its charges; NULL: the same. */
    void (*refund_token_request)(const struct rail *r, struct arena *a, struct http_request *rq);
    void (*submit_refund_request)(const struct rail *r, struct arena *a,
                                  const struct rail_refund *f, const char *token,
                                  struct http_request *rq);
    void (*submit_refund_read)(const struct rail *r, const struct rail_refund *f,
                               const struct http_response *rs, struct rail_verdict *v);
    /* As follow_request and follow_read, of a refund's submit; NULL where none wants more. */
    void (*follow_refund_request)(const struct rail *r, struct arena *a,
                                  const struct rail_refund *f, const char *token,
                                  const struct rail_verdict *v, struct http_request *rq);
    void (*follow_refund_read)(const struct rail *r, const struct rail_refund *f,
                               const struct http_response *rs, struct rail_verdict *v);
    void (*poll_refund_request)(const struct rail *r, struct arena *a, const struct rail_refund *f,
                                const char *token, struct http_request *rq);
    void (*poll_refund_read)(const struct rail *r, const struct rail_refund *f,
                             const struct http_response *rs, struct rail_verdict *v);

    /* Mandates; NULL for a rail that always asks its payer. Events as of a charge; see above. */
    void (*mandate_request)(const struct rail *r, struct arena *a, const struct rail_mandate *m,
                            const char *token, struct http_request *rq);
    void (*mandate_read)(const struct rail_mandate *m, const struct http_response *rs,
                         struct rail_verdict *v);

    bool callback_tail; /* its callbacks bring more of a path behind the secret; else 404 */
    /* NULL: CALLBACK_UNSIGNED. Judges headers and raw bytes; reads nothing of the body. */
    enum callback_trust (*callback_verify)(const struct rail *r, const struct rail_callback *cb);
    /* Of a callback that was not refused. h is zero. */
    void (*callback_hint)(struct arena *a, const struct rail_callback *cb, struct rail_hint *h);
};

/* One configured rail; the concrete one embeds it as its first member. */
struct rail {
    const struct rail_type *type;
    const char *callback_secret; /* last part of /pay/<code>/<secret>; "" takes no callbacks */
    bool refunds_by_hand;        /* it could refund, but is not configured to: each is refused */
};

/*
 * A rail as the room knows it before it is configured: its section of coko.ini and how it opens.
 * init fills the rail, which has `size` bytes; *on is false when it is not configured; an
 * incomplete one is an error that names what is missing.
 */
struct rail_module {
    const struct option_row *options;
    size_t noptions;
    size_t config_size;                  /* of the struct the options fill */
    const struct rail_module *config_of; /* its section is that of this module before it; or NULL */
    size_t size;
    int (*init)(struct rail *r, const void *config, bool *on, struct err *e);
};

/* All of them: a new rail is one file and one row of rails.c. */
#define RAIL_MODULES_MAX 8
extern const struct rail_module *const rail_modules[];
extern const size_t rail_modules_count;

/* The section of each module into rails, in their order, in src's arena; one that two share is read
 * once. Not 0: src's list has the faults. */
MUST_CHECK int rail_modules_load(struct option_source *src, void *rails[]);

#endif
