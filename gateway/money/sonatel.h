/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orange Money of Sonatel (Senegal), the eWallet API: what its two ways of paying have in common.
 *
 *   orange_sonatel   onestep: the payer's one-time code goes out with our submit (orange_sonatel.c)
 *   orange_qr        a link that the payer's application opens (orange_qr.c)
 *
 * Both are asked about by our reference and have the same callbacks. What was paid by a code goes back
 * to the payer by a cash-in (sonatel_cashin.c). One section of coko.ini opens both.
 *
 * Traps of this rail, each with a test: Content-Type is wanted on GET too; its numbers are the nine
 * national digits; amounts come back as floats (10.0); `status` and `code` of its errors are texts; an
 * unpaid link is not listed; a search by type finds nothing in production, so none is sent; the answer
 * to a onestep has no amount, so success is believed from the search (I8).
 */
#ifndef COKO_MONEY_SONATEL_H
#define COKO_MONEY_SONATEL_H

#include <jansson.h>

#include "gateway/lib/jsonw.h"
#include "gateway/money/rail.h"

#define SONATEL_SUBMIT_MS 6000 /* a reader looks at a screen meanwhile */
#define SONATEL_BODY_MAX  1536

struct sonatel_config {
    const char *base_url; /* https://api.orange-sonatel.com */
    const char *token_path;
    const char *client_id;
    const char *client_secret;
    const char *merchant_code; /* six digits */
    const char *merchant_name; /* on the payer's screen, of a link */
    const char *callback_url;  /* https address of ours that ends in /pay; empty: none */
    const char *callback_secret;
    const char *callback_api_key;
    const char *signing_secret;
    const char *signing_secret_previous;
    const char *return_url;   /* where a payer's application goes after a link; empty: nowhere */
    const char *retailer;     /* nine digits: whose wallet refunds come from; empty: by hand */
    const char *retailer_pin; /* of the same */
    int64_t link_ms;          /* life of a link */
};

struct sonatel {
    struct rail rail;
    const struct sonatel_config *c;
};

static inline const struct sonatel_config *sonatel_config(const struct rail *r)
{
    return container_of(r, const struct sonatel, rail)->c;
}

/* The rows of [orange_sonatel]. */
extern const struct option_row sonatel_options[];
extern const size_t sonatel_options_count;

extern const struct rail_type orange_sonatel_type, orange_qr_type;
extern const struct rail_module orange_sonatel_module, orange_qr_module;

/* Fills r of this type. *on is false when nothing is configured; an incomplete rail is an error that
 * names what is missing. */
MUST_CHECK int sonatel_init(struct sonatel *r, const struct rail_type *type,
                            const struct sonatel_config *c, bool *on, struct err *e);

/* ---- requests ---- */

/* A request with the headers that this rail wants; path begins with '/'. */
void sonatel_request(const struct rail *r, struct arena *a, const char *token, const char *method,
                     const char *path, struct http_request *rq);

/* {"idType": "MSISDN", "id": ...} stays open for more members. */
void sonatel_open_party(struct jsonw *j, const char *key, const char *kind, struct str id);

/* "amount", "reference", "metadata", "requestDate" of a body that is open. */
void sonatel_money(struct jsonw *j, int64_t amount_minor, struct str currency, struct str our_ref);

/* The nine digits of a number of this rail's country; empty when it is none. */
struct str sonatel_national(const struct rail_charge *c);

/* ---- the rail_type functions that both types have ---- */

void sonatel_token_request(const struct rail *r, struct arena *a, struct http_request *rq);
bool sonatel_token_read(const struct rail *r, const struct http_response *rs,
                        struct token_value *t);
void sonatel_poll_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                          const char *token, struct http_request *rq);
void sonatel_poll_read(const struct rail *r, const struct rail_charge *c,
                       const struct http_response *rs, struct rail_verdict *v);
void sonatel_follow_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                            const char *token, const struct rail_verdict *v,
                            struct http_request *rq);
void sonatel_follow_read(const struct rail *r, const struct rail_charge *c,
                         const struct http_response *rs, struct rail_verdict *v);
enum callback_trust sonatel_callback_verify(const struct rail *r, const struct rail_callback *cb);
void sonatel_callback_hint(struct arena *a, const struct rail_callback *cb, struct rail_hint *h);

/* ---- answers ---- */

/* Steps of a verdict that wants more. */
enum sonatel_step {
    SONATEL_FIRST,
    SONATEL_PAID,   /* onestep said success: the search says how much */
    SONATEL_UNSEEN, /* the search has nothing, but we have the rail's id: its status */
    SONATEL_KEY,    /* of a cash-in: the key for the PIN came */
    SONATEL_KEY_AGAIN,
};

/* The word of a transaction's status as an event; CHARGE_UNKNOWN and new_word for one never seen. */
void sonatel_status(const char *word, struct rail_verdict *v);

/* What a refused submit says: v's event and reason. */
void sonatel_refusal(const struct http_response *rs, json_t *root, struct rail_verdict *v);

/* The transactions under this reference, as one verdict; none: CHARGE_NOT_FOUND. */
void sonatel_found(json_t *list, struct str our_ref, struct rail_verdict *v);

/* GET of what stands under a reference. */
void sonatel_search(const struct rail *r, struct arena *a, struct str our_ref, const char *token,
                    struct http_request *rq);

/* ---- refunds (sonatel_cashin.c) ---- */

void sonatel_refund_request(const struct rail *r, struct arena *a, const struct rail_refund *f,
                            const char *token, struct http_request *rq);
void sonatel_refund_read(const struct rail *r, const struct rail_refund *f,
                         const struct http_response *rs, struct rail_verdict *v);
void sonatel_refund_follow(const struct rail *r, struct arena *a, const struct rail_refund *f,
                           const char *token, const struct rail_verdict *v,
                           struct http_request *rq);
void sonatel_refund_followed(const struct rail *r, const struct rail_refund *f,
                             const struct http_response *rs, struct rail_verdict *v);
void sonatel_refund_poll(const struct rail *r, struct arena *a, const struct rail_refund *f,
                         const char *token, struct http_request *rq);
void sonatel_refund_polled(const struct rail *r, const struct rail_refund *f,
                           const struct http_response *rs, struct rail_verdict *v);

#endif
