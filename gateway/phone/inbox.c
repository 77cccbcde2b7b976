/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See inbox.h.
 */
#include "gateway/phone/inbox.h"

#include "gateway/lib/buf.h"

#define URL_MAX     1024
#define WAIT_SLACK  5000 /* ms that the answer may take beyond its wait */
#define INBOX_TEXTS "1000"

static void on_answer(struct op *op)
{
    struct phone_inbox *in = container_of(op, struct phone_inbox, op);
    const struct http_response *r = op_failed(op) ? NULL : http_client_response(op);
    json_t *answer = r && r->status == 200 ? json_loadb(r->body.p, r->body.n, 0, NULL) : NULL;
    json_t *texts = json_object_get(answer, "messages");

    in->failed = !json_is_array(texts);
    if (!in->failed) {
        json_decref(in->texts);
        in->texts = json_incref(texts);
    }
    json_decref(answer);
    in->on_change(in);
}

void phone_inbox_open(struct phone_inbox *in, struct loop *l, struct http_client *client,
                      const char *url, const char *number,
                      void (*on_change)(struct phone_inbox *in), void *owner)
{
    *in = (struct phone_inbox){
        .client = client, .url = url, .number = number, .on_change = on_change, .owner = owner};
    op_init(&in->op, l, on_answer);
}

void phone_inbox_close(struct phone_inbox *in)
{
    op_cancel(&in->op);
    op_release(&in->op);
    json_decref(in->texts);
    in->texts = NULL;
}

void phone_inbox_ask(struct phone_inbox *in, size_t count, unsigned wait_ms)
{
    char mem[URL_MAX];
    struct buf url;

    buf_init_fixed(&url, mem, sizeof mem);
    buf_addf(&url, "%s/messages?limit=" INBOX_TEXTS "&count=%zu&wait_ms=%u&to=", in->url, count,
             wait_ms);
    buf_url_component(&url, str_c(in->number));
    struct http_request rq = {
        .method = "GET", .url = buf_cstr(&url), .timeout_ms = wait_ms + WAIT_SLACK};

    if (op_pending(&in->op))
        op_cancel(&in->op);
    http_client_send(in->client, &in->op, &rq);
}

size_t phone_inbox_count(const struct phone_inbox *in)
{
    return json_array_size(in->texts);
}

struct phone_sms phone_inbox_get(const struct phone_inbox *in, size_t i)
{
    const json_t *m = json_array_get(in->texts, i);
    const json_t *from = json_object_get(m, "from"), *text = json_object_get(m, "text");

    return (struct phone_sms){
        .from = str_n(json_string_value(from), json_string_length(from)),
        .text = str_n(json_string_value(text), json_string_length(text)),
        .parts = json_integer_value(json_object_get(m, "total")),
    };
}
