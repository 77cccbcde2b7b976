/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between money.c (the room), charge.c (one charge's work), charge_record.c (its answers), errand.c (one
 * refund's or mandate's), code.c (typed codes), gate.c (rails that do not answer) and inbox.c (callbacks).
 */
#ifndef COKO_MONEY_PARTS_H
#define COKO_MONEY_PARTS_H

#include "gateway/money/money.h"
#include "gateway/io/token.h"

/* Charges in flight in a worker: as many as a rail is asked for at once (the client's connections), and
 * as a lane's queue takes (PG_QUEUE_MAX) should each have to be recorded alone. */
#define MONEY_WORKS_MAX 256

/* A submit may begin so long after its claim was asked for, below the lease of one (billing.rail.submit_lease_s): a
 * process that slept over its lease finds that another has asked, found nothing and sent it by now. */
#define MONEY_SEND_WITHIN_MS 40000

/* What seals the hash of a callback's key (rail_verdict.callback_key, rail_hint.proof). */
#define MONEY_CALLBACK_KEY "billing.callback"

/* What seals rail_verdict.link in its row. */
#define MONEY_LINK_AAD "billing.pay_link"

/* What seals rail_verdict.memo in its row. */
#define MONEY_MEMO_AAD "billing.rail_memo"

/* A rail in service; rail is ours. */
struct money_rail {
    struct rail *rail;
    struct token token;
    struct token refund_token; /* in use where the rail has a refund_token_request */
};

/* Refunds or mandates: see errand.h. */
struct errands {
    const struct errand_kind *kind;
    struct money *m;
    struct op claim;
    int64_t claimed_at_ms; /* when it was asked for: its leases began no earlier */
    struct list works;
    unsigned n;
};

/* Batches of answers on their way at once: their commits share no wait, and the lane (PG_BATCH) keeps a
 * connection for claims and one for everybody else. */
#define RECORD_BATCHES 2

/* Answers that are recorded in one transaction; idle while op is not pending. */
struct charge_batch {
    struct money *m;
    struct op op;
    struct list sent;
};

struct money {
    struct money_deps d;
    const char *owner;
    struct money_rail rails[RAIL_MODULES_MAX];
    size_t nrails;
    struct op claim, match, news;
    int64_t claimed_at_ms; /* when the last claim was asked for: its leases began no earlier */
    struct loop_timer poll, match_timer;
    bool running;
    bool again;     /* woken while a claim was pending */
    unsigned ended; /* works since the last claim was sent */
    struct list works;
    unsigned nworks;
    struct list records; /* answers that wait for a batch */
    struct charge_batch batches[RECORD_BATCHES];
    struct loop_timer records_timer;
    struct errands refunds, mandates;
    struct list codes; /* typed, being claimed for or with their charge's work */
    unsigned ncodes;
    struct list callbacks; /* being stored */
};

/* The rail with this code, or NULL. */
struct money_rail *money_rail_find(struct money *m, struct str code);

/* The code that a work carries, and who hears of its end; over is not called by charge_work_free_all. */
struct charge_typed {
    struct str code;       /* copied by charge_work_start */
    int64_t claimed_at_ms; /* when its claim was asked for */
    void (*over)(struct charge_typed *t);
};

/*
 * Starts one row of billing.claim_rail_work; the work frees itself and calls money_work_ended. typed:
 * NULL for a charge whose rail wants no code; else it lives until it is over.
 */
void charge_work_start(struct money *m, const struct op *rows, int row, struct charge_typed *typed);
void charge_work_free_all(struct money *m);

/* What a rail answered about one charge. */
struct charge_answer {
    int64_t charge, version; /* as they were claimed */
    int http_status;         /* 0: none */
    const struct rail_verdict *verdict;
    bool urgent; /* its payer looks at a screen: it waits for no others */
};

/* One answer on its way into the database; embedded in the work that it is of. */
struct charge_record {
    struct list node; /* waiting, or in a batch on its way */
    struct money *m;
    struct op op;            /* alone */
    struct loop_timer again; /* alone, once more */
    unsigned tries;
    struct str json;
    int row; /* in that batch */
    bool urgent;
    void (*over)(struct charge_record *r, const char *outcome, const char *state);
};

/*
 * fn hears once of each charge_record_put, never inside it: outcome and state of billing.rail_answers, which
 * live until it returns, or NULL when the database took nothing for RECORD_TRIES seconds: the claim
 * lapses. It may free r later, by loop_defer, not at once.
 */
void charge_record_init(struct charge_record *r, struct money *m,
                        void (*fn)(struct charge_record *r, const char *outcome,
                                   const char *state));

/* Once in its life. The answer is copied into the arena, which lives as long as r. */
void charge_record_put(struct charge_record *r, struct arena *a,
                       const struct charge_answer *answer);

/* Nobody waits any more; what was sent may still be recorded. */
void charge_record_cancel(struct charge_record *r);

void charge_records_init(struct money *m);
/* After every work was freed. */
void charge_records_free(struct money *m);

/* A place became free. */
void money_work_ended(struct money *m);

/* A sealed column of a claimed row in clear, in the arena; "" for NULL. False, and told, when it does
 * not open. */
MUST_CHECK bool money_open_sealed(struct money *m, struct arena *a, const struct op *rows, int row,
                                  const char *col, const char *aad, struct str *out);

/* Errands of a kind: asks for due ones; each work frees itself. */
void errands_init(struct errands *of, const struct errand_kind *kind, struct money *m);
void errands_claim(struct errands *of);
bool errands_idle(const struct errands *of);
void errands_free(struct errands *of);

/* Asks once whether some rail stopped answering or answers again, and tells. */
void money_gate_init(struct money *m);
void money_gate_ask(struct money *m);

/* Codes that are left. */
void money_codes_free(struct money *m);

/* Callbacks: the handler of /pay. */
void inbox_on_callback(struct http_exchange *x, void *arg);
void inbox_free_all(struct money *m);

#endif
