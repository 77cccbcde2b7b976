/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orange Money with a one-time code: the payer fetches it on Orange's own menu and types it on ours.
 * See sonatel.h for what this rail shares with orange_qr.
 *
 *   submit: onestep -> SUCCESS   search by our reference for the amount -> sync_success
 *                   -> 4xx about the code    code_refused: nothing was debited
 *                   -> no answer             UNKNOWN: the code may be used up, and the money gone
 *
 * Whether a repeated reference is refused is written nowhere, so nothing is ever sent again under one:
 * a new code goes out under a new reference (billing.fresh_reference; I3).
 */
#include <string.h>

#include "gateway/money/rail_io.h"
#include "gateway/money/sonatel.h"

#define CONF(field) offsetof(struct sonatel_config, field)
#define OTP_MIN     4
#define OTP_MAX     8

const struct option_row sonatel_options[] = {
    {"orange_sonatel", "base_url", OPTION_STRING, CONF(base_url), .def = "",
     .help = "https://api.orange-sonatel.com, or the sandbox"},
    {"orange_sonatel", "token_path", OPTION_STRING, CONF(token_path), .def = "/oauth/v1/token",
     .help = "/oauth/token on older contracts"},
    {"orange_sonatel", "client_id", OPTION_STRING, CONF(client_id), .def = "",
     .help = "Of the application at developer.orange-sonatel.com"},
    {"orange_sonatel", "client_secret", OPTION_SECRET, CONF(client_secret), .def = "",
     .help = "Of the same"},
    {"orange_sonatel", "merchant_code", OPTION_STRING, CONF(merchant_code), .def = "",
     .help = "Six digits: who is paid"},
    {"orange_sonatel", "merchant_name", OPTION_STRING, CONF(merchant_name), .def = "Coko", .min = 1,
     .max = 40, .help = "On the payer's screen, when a link is paid"},
    {"orange_sonatel", "callback_url", OPTION_STRING, CONF(callback_url), .def = "",
     .help = "Public address ending in /pay; empty: no callbacks, polling only. Register it with "
             "/orange_sonatel/ and callback_secret behind it for the merchant code"},
    {"orange_sonatel", "callback_secret", OPTION_SECRET, CONF(callback_secret), .def = "",
     .help = "Unguessable last part of the callback address"},
    {"orange_sonatel", "callback_api_key", OPTION_SECRET, CONF(callback_api_key), .def = "",
     .help = "apiKey that was given when the callback was registered: Authorization: Basic"},
    {"orange_sonatel", "signing_secret", OPTION_SECRET, CONF(signing_secret), .def = "",
     .help = "Of X-Sonatel-Signature; once it is set, only a good signature is believed"},
    {"orange_sonatel", "signing_secret_previous", OPTION_SECRET, CONF(signing_secret_previous),
     .def = "", .help = "The one before it, while it is replaced"},
    {"orange_sonatel", "link_life", OPTION_DURATION_MS, CONF(link_ms), .def = "30m", .min = 60000,
     .max = 86400000, .help = "How long a payer may open a link"},
    {"orange_sonatel", "return_url", OPTION_STRING, CONF(return_url), .def = "",
     .help = "Page that the payer's application opens after a link; empty: none"},
    {"orange_sonatel", "retailer", OPTION_STRING, CONF(retailer), .def = "",
     .help =
         "Nine digits of the retailer's wallet that refunds come from (cash-in); empty: refunds "
         "are made by hand"},
    {"orange_sonatel", "retailer_pin", OPTION_SECRET, CONF(retailer_pin), .def = "",
     .help = "PIN of that wallet; it leaves encrypted under the rail's key"},
};

const size_t sonatel_options_count = ARRAY_LEN(sonatel_options);

static bool is_code(struct str otp)
{
    for (size_t i = 0; i < otp.n; i++) {
        if (otp.p[i] < '0' || otp.p[i] > '9')
            return false;
    }
    return otp.n >= OTP_MIN && otp.n <= OTP_MAX;
}

static struct str pay_body(const struct sonatel_config *conf, struct arena *a,
                           const struct rail_charge *c)
{
    char *mem = arena_alloc(a, SONATEL_BODY_MAX);
    struct buf out;
    struct jsonw j;

    buf_init_fixed(&out, mem, SONATEL_BODY_MAX);
    jsonw_init(&j, &out);
    jsonw_object(&j);
    sonatel_open_party(&j, "customer", "MSISDN", sonatel_national(c));
    jsonw_kv_str(&j, "otp", c->otp);
    jsonw_end(&j);
    sonatel_open_party(&j, "partner", "CODE", str_c(conf->merchant_code));
    jsonw_end(&j);
    sonatel_money(&j, c->amount_minor, c->currency, c->our_ref);
    jsonw_kv_bool(&j, "receiveNotification", true);
    jsonw_end(&j);
    return buf_str(&out);
}

/* No code, no number of this country, no money of it: nothing leaves (hard cases 16, 30, 40). */
static void submit_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                           const char *token, struct http_request *rq)
{
    if (!is_code(c->otp) || sonatel_national(c).n == 0 || !str_eq_c(c->currency, "XOF"))
        return;
    sonatel_request(r, a, token, "POST", "/api/eWallet/v1/payments/onestep", rq);
    rq->body = pay_body(sonatel_config(r), a, c);
    rq->timeout_ms = SONATEL_SUBMIT_MS;
    rq->no_resend = true;
}

static void read_onestep(const struct rail_charge *c, json_t *root, struct rail_verdict *v)
{
    json_t *ref = json_object_get(root, "reference");

    sonatel_status(rail_word(json_object_get(root, "status")), v);
    rail_take_id(v->rail_ref, sizeof v->rail_ref, json_object_get(root, "transactionId"));
    if (json_is_string(ref) && !str_eq_c(c->our_ref, json_string_value(ref))) {
        v->event = v->event == CHARGE_SUCCESS ? CHARGE_MISMATCH : CHARGE_UNKNOWN; /* case 17 */
        return;
    }
    v->more = v->event == CHARGE_SUCCESS;
    v->step = SONATEL_PAID;
}

static void submit_read(const struct rail *r, const struct rail_charge *c,
                        const struct http_response *rs, struct rail_verdict *v)
{
    json_t *root = rail_object(rs);

    (void)r;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    if (root && (rs->status == 200 || rs->status == 201))
        read_onestep(c, root, v);
    else
        sonatel_refusal(rs, root, v);
    json_decref(root);
}

const struct rail_type orange_sonatel_type = {
    .code = "orange_sonatel",
    .needs_token = true,
    .token_request = sonatel_token_request,
    .token_read = sonatel_token_read,
    .submit_request = submit_request,
    .submit_read = submit_read,
    .poll_request = sonatel_poll_request,
    .poll_read = sonatel_poll_read,
    .follow_request = sonatel_follow_request,
    .follow_read = sonatel_follow_read,
    .submit_refund_request = sonatel_refund_request,
    .submit_refund_read = sonatel_refund_read,
    .follow_refund_request = sonatel_refund_follow,
    .follow_refund_read = sonatel_refund_followed,
    .poll_refund_request = sonatel_refund_poll,
    .poll_refund_read = sonatel_refund_polled,
    .callback_verify = sonatel_callback_verify,
    .callback_hint = sonatel_callback_hint,
};

static int init(struct rail *r, const void *config, bool *on, struct err *e)
{
    return sonatel_init(container_of(r, struct sonatel, rail), &orange_sonatel_type, config, on, e);
}

const struct rail_module orange_sonatel_module = {
    .options = sonatel_options,
    .noptions = ARRAY_LEN(sonatel_options),
    .config_size = sizeof(struct sonatel_config),
    .size = sizeof(struct sonatel),
    .init = init,
};
