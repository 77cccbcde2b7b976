/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See health.h.
 */
#include "gateway/health.h"

#include "gateway/lib/jsonw.h"

bool health_ready(const struct health *h)
{
    return pg_up(h->pg) && redis_up(h->redis) && !h->draining;
}

static void on_health(struct http_exchange *x, void *arg)
{
    struct health *h = arg;
    bool ready = health_ready(h);
    bool asks_ready = str_eq(x->rest, STR("ready")) || str_eq(x->rest, STR("ready/"));
    struct jsonw j;

    if (x->method != HTTP_GET && x->method != HTTP_HEAD) {
        http_reply_header(x, "Allow", STR("GET, HEAD"));
        http_reply(x, 405, NULL, STR_EMPTY);
        return;
    }
    if (!asks_ready && x->rest.n > 0 && !str_eq(x->rest, STR("live"))) {
        http_reply(x, 404, NULL, STR_EMPTY);
        return;
    }
    http_reply_header(x, "Cache-Control", STR("no-store"));
    jsonw_init(&j, http_reply_buf(x));
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "status", !asks_ready || ready ? "ok" : "unavailable");
    jsonw_kv_cstr(&j, "version", COKO_VERSION);
    jsonw_kv_bool(&j, "postgres", pg_up(h->pg));
    jsonw_kv_bool(&j, "redis", redis_up(h->redis));
    jsonw_kv_bool(&j, "draining", h->draining);
    jsonw_end(&j);
    http_reply_buf_send(x, !asks_ready || ready ? 200 : 503, "application/json");
}

int health_mount(struct http_server *s, struct health *h, struct err *e)
{
    return http_mount(s, "/health", on_health, h, &(struct http_mount_opts){.name = "health"}, e);
}
