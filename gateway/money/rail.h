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
 *   PENDING     success -> SUCCEEDED   declined -> FAILED    expired  -> EXPIRED
 *               not_sent, unknown, not_found, rejected: stays (no answer proves nothing, M4, I12)
 *   UNKNOWN     as PENDING; pending, accepted -> PENDING; third not_found after 60 s -> READY
 *   FAILED, EXPIRED  success -> SUCCEEDED_LATE
 *   any live    mismatch -> REVIEW
 */
#ifndef COKO_MONEY_RAIL_H
#define COKO_MONEY_RAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/io/http_client.h"
#include "gateway/lib/arena.h"
#include "gateway/lib/str.h"

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
    CHARGE_MISMATCH,
    CHARGE_EVENTS,
};

/* The word that billing.charge_event takes. */
const char *charge_event_name(enum charge_event ev);

/* What a rail must know of a charge. Strings live as long as the work. */
struct rail_charge {
    struct str our_ref; /* uuid v4, lower case */
    struct str payer;   /* E.164 digits; wiped after use; empty but for a submit */
    int64_t amount_minor;
    struct str currency;
    struct str label; /* of the plan, for the payer's screen */
};

struct rail_verdict {
    enum charge_event event;
    bool token_refused; /* 401: mint a token and try once more */
    bool new_word;      /* reason holds a status that this rail never published (I12) */
    char reason[64];    /* the rail's word: printable ASCII, cut */
    char rail_txn[64];  /* likewise */
    bool has_amount;
    int64_t amount_minor;
    char currency[4];
    unsigned next_poll_s; /* 0: the ladder */
};

struct rail_token {
    char value[2048];
    unsigned expires_s;
};

struct rail;

/*
 * Request builders fill rq from the arena; token is the current bearer, "" for a rail without.
 * Readers never fail: what they cannot read is CHARGE_UNKNOWN.
 */
struct rail_type {
    const char *code; /* billing.rail.code, and the first part of its callback path */
    bool needs_token;
    void (*token_request)(const struct rail *r, struct arena *a, struct http_request *rq);
    bool (*token_read)(const struct rail *r, const struct http_response *rs, struct rail_token *t);
    void (*submit_request)(const struct rail *r, struct arena *a, const struct rail_charge *c,
                           const char *token, struct http_request *rq);
    void (*submit_read)(const struct rail *r, const struct http_response *rs,
                        struct rail_verdict *v);
    void (*poll_request)(const struct rail *r, struct arena *a, const struct rail_charge *c,
                         const char *token, struct http_request *rq);
    void (*poll_read)(const struct rail *r, const struct rail_charge *c,
                      const struct http_response *rs, struct rail_verdict *v);
    /* Our reference named in a callback's body, "" when there is none. A hint, nothing more (I7). */
    struct str (*callback_ref)(struct arena *a, struct str body);
};

/* One configured rail; the concrete one embeds it. */
struct rail {
    const struct rail_type *type;
    const char *callback_secret; /* last part of /pay/<code>/<secret>; "" takes no callbacks */
};

#endif
