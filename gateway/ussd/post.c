/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See post.h.
 *
 *   TURN -- reply --> SENDING -- 2xx, or refused --> gone
 *     |                |   ^
 *     | no screen      |   +-- failed, first time, inside the window
 *     +--> gone        +-- failed again, or too late --> dropped
 */
#include "gateway/ussd/post.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/io/http_client.h"
#include "gateway/lib/basenc.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"

#define TRIES     2
#define STAMP_LEN 14
#define BODY_MAX  (2 * SESSION_REPLY_MAX)
#define LINES_MAX (8u << 10) /* a bearer's token is long */

static struct counter results =
    COUNTER("coko_ussd_posts_total", "Replies to asynchronous carriers");

struct exchange {
    struct list node;
    struct post *ps;
    const struct carrier *c;
    uint64_t step; /* hash of session and step: the same callback again */
    int64_t since_ms;
    unsigned tries;
    struct op op; /* SENDING */
    enum profile_reply said;
    char number[USSD_NUMBER_MAX + 1]; /* as sent */
    struct buf reply;                 /* with its marks: each attempt has its own stamp */
};

struct post {
    struct ussd *u;
    struct list exchanges;
    unsigned count;
};

static void count(const struct exchange *x, const char *result)
{
    char labels[96];

    snprintf(labels, sizeof labels, "carrier=\"%s\",result=\"%s\"", x->c->profile.name, result);
    counter_inc(counter_with(&results, labels));
}

static void exchange_free(struct exchange *x)
{
    list_remove(&x->node);
    x->ps->count--;
    op_cancel(&x->op);
    op_release(&x->op);
    buf_wipe(&x->reply);
    free(x);
}

/* ---- sending ---- */

/* MD5 of user, password and stamp: parlayx's spPassword. */
static void digest(const struct carrier *c, struct str stamp, char out[2 * CRYPTO_MD5_LEN])
{
    uint8_t md5[CRYPTO_MD5_LEN];
    struct buf b;

    buf_init(&b, 1024);
    buf_puts(&b, c->send_user);
    buf_puts(&b, c->send_password);
    buf_adds(&b, stamp);
    crypto_md5(buf_str(&b), md5);
    buf_wipe(&b);
    buf_init_fixed(&b, out, 2 * CRYPTO_MD5_LEN);
    hex_encode(&b, md5, sizeof md5);
}

void post_letter_open(struct post_letter *l, const struct carrier *c, struct str number,
                      struct str body)
{
    char stamp[STAMP_LEN + 1], md5[2 * CRYPTO_MD5_LEN];
    time_t now = (time_t)(clock_wall_us() / 1000000);
    struct tm tm;

    gmtime_r(&now, &tm);
    if (strftime(stamp, sizeof stamp, "%Y%m%d%H%M%S", &tm) != STAMP_LEN)
        stamp[0] = '\0';
    digest(c, str_c(stamp), md5);
    buf_init(&l->body, BODY_MAX);
    buf_init(&l->lines, LINES_MAX);
    l->nlines = 0;
    l->fill = (struct profile_fill){.url = str_c(c->url),
                                    .user = str_c(c->send_user),
                                    .password = str_c(c->send_password),
                                    .stamp = str_c(stamp),
                                    .digest = str_n(md5, sizeof md5),
                                    .number = number};
    profile_fill(&c->profile, body, &l->fill, &l->body);
    l->fill.stamp = l->fill.digest = STR_EMPTY; /* of this call; no header holds them */
    post_letter_header(l, "Content-Type", c->profile.content_type);
}

void post_letter_header(struct post_letter *l, const char *name, const char *value)
{
    assert(l->nlines < ARRAY_LEN(l->at));
    l->at[l->nlines++] = l->lines.len;
    buf_addf(&l->lines, "%s: ", name);
    profile_fill_header(value, &l->fill, &l->lines);
    buf_addc(&l->lines, '\0');
}

void post_letter_send(struct post_letter *l, struct http_client *client, struct op *op,
                      const struct http_request *how)
{
    struct http_request rq = *how;
    const char *headers[ARRAY_LEN(l->at) + 1] = {NULL};

    for (unsigned i = 0; i < l->nlines; i++)
        headers[i] = l->lines.p + l->at[i];
    rq.method = "POST";
    rq.headers = headers;
    rq.body = buf_str(&l->body);
    http_client_send(client, op, &rq);
    buf_wipe(&l->body);
    buf_wipe(&l->lines);
}

static void send_reply(struct exchange *x)
{
    const struct profile *p = &x->c->profile;
    struct post_letter letter;

    post_letter_open(&letter, x->c, str_c(x->number), buf_str(&x->reply));
    for (unsigned i = 0; i < p->nheaders; i++)
        post_letter_header(&letter, p->headers[i].name, p->headers[i].value[x->said]);
    x->tries++;
    post_letter_send(&letter, x->ps->u->d.client, &x->op,
                     &(struct http_request){.url = x->c->send_url, .timeout_ms = POST_TRY_MS});
}

static bool in_window(const struct exchange *x)
{
    return clock_mono_us() / 1000 - x->since_ms < POST_WINDOW_MS - POST_TRY_MS;
}

/* An answer that says no is an answer; no answer, or trouble over there, is worth one more try. */
static void on_sent(struct op *op)
{
    struct exchange *x = container_of(op, struct exchange, op);
    const struct http_response *r = op_failed(op) ? NULL : http_client_response(op);
    int status = r ? r->status : 0;

    if (status >= 200 && status < 300) {
        count(x, "accepted");
    } else if (status >= 300 && status < 500) {
        count(x, "refused");
        log_warn(NULL, "ussd reply refused", "carrier=%s status=%d", x->c->profile.name, status);
    } else if (x->tries < TRIES && in_window(x)) {
        count(x, "retried");
        op_release(op);
        send_reply(x);
        return;
    } else {
        count(x, "dropped");
        log_warn(NULL, "ussd reply dropped", "carrier=%s status=%d", x->c->profile.name, status);
    }
    exchange_free(x);
}

/* ---- the turn's port ---- */

static void port_send(void *arg, const struct profile *p, struct str body)
{
    struct exchange *x = arg;

    x->said = profile_said(p, &body);
    if (x->said == REPLY_SILENT) {
        exchange_free(x);
        return;
    }
    buf_adds(&x->reply, body);
    send_reply(x);
}

static void port_detach(void *arg)
{
    exchange_free(arg);
}

static uint64_t step_of(const struct ussd_event *ev)
{
    char mem[USSD_SESSION_MAX + SESSION_STEP_LEN];
    struct buf b;

    buf_init_fixed(&b, mem, sizeof mem);
    buf_adds(&b, ev->session);
    buf_add(&b, ev->step, sizeof ev->step);
    return map_hash(buf_str(&b));
}

static bool is_open(const struct post *ps, const struct carrier *c, uint64_t step)
{
    list_for_each(node, &ps->exchanges)
    {
        const struct exchange *x = container_of(node, struct exchange, node);

        if (x->c == c && x->step == step)
            return true;
    }
    return false;
}

int post_begin(struct post *ps, const struct carrier *c, const struct ussd_event *ev)
{
    uint64_t step = step_of(ev);
    struct exchange *x;

    if (is_open(ps, c, step))
        return 0;
    if (ps->count >= POST_MAX)
        return -1;
    x = calloc(1, sizeof *x);
    if (!x)
        abort();
    *x = (struct exchange){.ps = ps, .c = c, .step = step, .since_ms = clock_mono_us() / 1000};
    (void)!str_to_c(ev->number, x->number, sizeof x->number); /* no field is longer */
    buf_init(&x->reply, SESSION_REPLY_MAX);
    op_init(&x->op, ps->u->d.loop, on_sent);
    list_push_back(&ps->exchanges, &x->node);
    ps->count++;
    turn_go(turn_new(ps->u, c, ev,
                     (struct ussd_port){.send = port_send, .detach = port_detach, .arg = x}));
    return 0;
}

/* ---- life ---- */

struct post *post_new(struct ussd *u)
{
    struct post *ps = calloc(1, sizeof *ps);

    if (!ps)
        abort();
    ps->u = u;
    list_init(&ps->exchanges);
    return ps;
}

bool post_idle(const struct post *ps)
{
    return ps->count == 0;
}

void post_free(struct post *ps)
{
    if (!ps)
        return;
    list_for_each_safe(node, &ps->exchanges)
    {
        exchange_free(container_of(node, struct exchange, node));
    }
    counter_forget(&results);
    free(ps);
}
