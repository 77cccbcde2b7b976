/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orange Money by link: for payers with a smartphone, whose application opens it. See sonatel.h.
 *
 * An unpaid link is not listed and cannot be ended, so a search that finds nothing proves nothing until
 * the link's own time is over (rail_charge.revoke). Before it was handed out, nobody can have paid. Who
 * opened it is not known here, so its refunds are made by hand.
 */
#include <string.h>

#include "gateway/money/rail_io.h"
#include "gateway/money/sonatel.h"

static struct str link_body(const struct sonatel_config *conf, struct arena *a,
                            const struct rail_charge *c)
{
    char *mem = arena_alloc(a, SONATEL_BODY_MAX);
    struct buf out;
    struct jsonw j;

    buf_init_fixed(&out, mem, SONATEL_BODY_MAX);
    jsonw_init(&j, &out);
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "code", conf->merchant_code);
    jsonw_kv_cstr(&j, "name", conf->merchant_name);
    jsonw_kv_i64(&j, "validity", conf->link_ms / 1000);
    sonatel_money(&j, c->amount_minor, c->currency, c->our_ref);
    if (*conf->return_url) {
        jsonw_kv_cstr(&j, "callbackSuccessUrl", conf->return_url);
        jsonw_kv_cstr(&j, "callbackCancelUrl", conf->return_url);
    }
    jsonw_kv_raw(&j, "restrictions", STR("{\"isSingleUse\":true}"));
    jsonw_end(&j);
    return buf_str(&out);
}

static void submit_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                           const char *token, struct http_request *rq)
{
    const struct sonatel_config *conf = sonatel_config(r);
    struct rail_headers h = rail_headers_new(a);

    if (!str_eq_c(c->currency, "XOF"))
        return;
    sonatel_request(r, a, token, "POST", "/api/eWallet/v4/qrcode", rq);
    for (size_t i = 0; h.v && rq->headers[i]; i++)
        h.v[h.n++] = rq->headers[i];
    if (*conf->callback_url)
        rail_header(&h, "X-Callback-Url",
                    arena_printf(a, "%s/orange_qr/%s", conf->callback_url, conf->callback_secret));
    rq->headers = h.v;
    rq->body = link_body(conf, a, c);
    rq->no_resend = true;
}

/* The shortest that fits an SMS first; an application opens each of them. */
static bool take_link(json_t *root, struct rail_verdict *v)
{
    json_t *deep = json_object_get(root, "deepLinks");

    return rail_take_link(v, json_object_get(root, "shortLink")) ||
           rail_take_link(v, json_object_get(root, "deepLink")) ||
           rail_take_link(v, json_object_get(deep, "MAXIT")) ||
           rail_take_link(v, json_object_get(deep, "OM"));
}

static void submit_read(const struct rail *r, const struct rail_charge *c,
                        const struct http_response *rs, struct rail_verdict *v)
{
    json_t *root = rail_object(rs);
    json_int_t life;

    (void)c;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    if (root && (rs->status == 200 || rs->status == 201)) {
        life = json_integer_value(json_object_get(root, "validity"));
        v->event = take_link(root, v) ? CHARGE_ACCEPTED : CHARGE_UNKNOWN;
        rail_take_id(v->rail_ref, sizeof v->rail_ref, json_object_get(root, "qrId"));
        v->expires_s = life > 0 && life <= 86400 ? (unsigned)life
                                                 : (unsigned)(sonatel_config(r)->link_ms / 1000);
    } else {
        sonatel_refusal(rs, root, v);
        if (v->event == CHARGE_CODE_REFUSED)
            v->event = CHARGE_REJECTED; /* nobody typed one */
    }
    json_decref(root);
}

const struct rail_type orange_qr_type = {
    .code = "orange_qr",
    .needs_token = true,
    .token_request = sonatel_token_request,
    .token_read = sonatel_token_read,
    .submit_request = submit_request,
    .submit_read = submit_read,
    .poll_request = sonatel_poll_request,
    .poll_read = sonatel_poll_read,
    .callback_verify = sonatel_callback_verify,
    .callback_hint = sonatel_callback_hint,
};

static int init(struct rail *r, const void *config, bool *on, struct err *e)
{
    return sonatel_init(container_of(r, struct sonatel, rail), &orange_qr_type, config, on, e);
}

const struct rail_module orange_qr_module = {
    .options = sonatel_options, /* said once, by the other module */
    .config_of = &orange_sonatel_module,
    .config_size = sizeof(struct sonatel_config),
    .size = sizeof(struct sonatel),
    .init = init,
};
