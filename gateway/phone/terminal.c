/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See terminal.h. Standard input is read by the loop, or directly where it cannot be watched
 * (a regular file, /dev/null).
 */
#include "gateway/phone/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/phone/draw.h"
#include "gateway/phone/ear.h"
#include "gateway/phone/inbox.h"

#define INPUT_MAX    (64 * 1024)
#define HOP_MS       10000 /* how long the carrier waits for the service */
#define SMS_WAIT_MS  15000 /* of /sms N */
#define SMS_POLL_MS  20000
#define SMS_RETRY_MS 2000

struct terminal {
    const struct phone_options *o;
    struct loop *loop;
    struct http_client *client;
    struct phone_call call;
    struct phone_inbox inbox;
    struct loop_timer retry; /* the SMSC did not answer */
    struct op hop;
    struct phone_ear ear;     /* of a carrier whose screens are posted */
    struct loop_timer posted; /* set: one is awaited */
    struct event *input;
    struct buf typed, out;
    char url[512], number[MSISDN_MAX + 2];
    bool repeating; /* the hop in flight is /again */
    bool leaving;   /* or /hang */
    bool sms_wait;  /* /sms waits for the inbox */
    bool sms_known; /* the inbox was read once: what comes later is new */
    bool direct;    /* input cannot be watched */
    bool ended;     /* end of input */
    bool failed;
};

static void feed(struct terminal *t);

/* ---- output ---- */

static void flush(struct terminal *t)
{
    if (t->out.len > 0)
        fwrite(t->out.p, 1, t->out.len, stdout);
    fflush(stdout);
    buf_reset(&t->out);
}

static void prompt(struct terminal *t)
{
    if (t->o->framed)
        buf_puts(&t->out, "> ");
    flush(t);
}

static void tell(struct terminal *t, const char *text)
{
    buf_addf(&t->out, t->o->framed ? "%s\n" : "[%s]\n", text);
}

static void show(struct terminal *t, struct str screen, const char *count, const char *state)
{
    struct phone_view v = {.title = t->call.profile->name,
                           .screen = screen,
                           .count = count,
                           .state = state,
                           .sms = phone_inbox_count(&t->inbox)};

    if (t->o->framed)
        phone_draw_handset(&t->out, &v);
    else
        phone_draw_plain(&t->out, &v);
}

static void show_screen(struct terminal *t)
{
    char count[48];
    struct str text = buf_str(&t->call.screen.text);
    bool fits = phone_screen_count(t->call.profile, text, count, sizeof count);

    show(t, text, count, !fits ? "TOO LONG" : t->call.open ? "answer" : "session ended");
    t->failed |= !fits;
}

/* What the network shows when the service breaks its rules; the reason beside it. */
static void show_broken(struct terminal *t, const char *why)
{
    t->failed = true;
    t->call.open = false;
    show(t, STR("Connection problem or invalid MMI code."), "", "session ended");
    tell(t, why);
}

static void show_sms(struct terminal *t, size_t from)
{
    for (size_t i = from; i < phone_inbox_count(&t->inbox); i++) {
        struct phone_sms m = phone_inbox_get(&t->inbox, i);

        phone_draw_sms(&t->out, m.from, m.text, m.parts, t->o->framed);
    }
    t->inbox.shown = phone_inbox_count(&t->inbox);
}

/* ---- hops ---- */

static const char *method_name(enum http_method m)
{
    return m == HTTP_GET ? "GET" : m == HTTP_PUT ? "PUT" : "POST";
}

static void post(struct terminal *t)
{
    const struct phone_request *out = &t->call.request;
    const char *headers[PHONE_HEADERS_MAX + 2];
    struct str rest = buf_str(&out->lines), line;
    struct arena a;
    size_t n = 0;

    arena_init(&a, 4096, 1 << 20);
    if (out->type)
        headers[n++] = arena_printf(&a, "Content-Type: %s", out->type);
    while (str_split(&rest, '\n', &line) && line.n > 0 && n <= PHONE_HEADERS_MAX)
        headers[n++] = arena_cstr(&a, line);
    headers[n] = NULL;
    http_client_send(t->client, &t->hop,
                     &(struct http_request){.method = method_name(out->method),
                                            .url = arena_printf(&a, "%s%" STR_FMT, t->url,
                                                                STR_ARG(buf_str(&out->target))),
                                            .headers = headers,
                                            .body = buf_str(&out->body),
                                            .timeout_ms = HOP_MS});
    arena_fini(&a);
}

static struct str answer_header(void *arg, const char *name)
{
    return http_response_header(arg, name);
}

static void repeated(struct terminal *t, const struct http_response *r)
{
    if (r->status == 200 && t->call.profile->asynchronous) {
        tell(t, "the same hop again: acknowledged");
        return;
    }
    if (r->status == 200 && str_eq(r->body, buf_str(&t->call.last))) {
        tell(t, "the same hop again: the same answer, byte for byte");
        return;
    }
    t->failed = true;
    tell(t, "the same hop again: ANOTHER ANSWER");
    buf_adds(&t->out, r->body);
    buf_addc(&t->out, '\n');
}

/* ---- a screen that is posted ---- */

static void after_hop(struct terminal *t)
{
    prompt(t);
    feed(t);
}

static void on_post(void *arg, struct str body)
{
    struct terminal *t = arg;
    struct err e = {0};

    if (!loop_timer_is_set(&t->posted))
        return; /* of a hop that nobody awaits any more */
    loop_timer_clear(&t->posted);
    if (phone_answered(&t->call, 200, body, answer_header, NULL, &e) != 0)
        show_broken(t, e.msg);
    else
        show_screen(t);
    after_hop(t);
}

static void on_no_post(void *arg)
{
    show_broken(arg, "acknowledged, but no screen was posted");
    after_hop(arg);
}

/* The acknowledgement came; the screen may have come before it. */
static void acknowledged(struct terminal *t, const struct http_response *r)
{
    if (r->status == 200)
        return;
    loop_timer_clear(&t->posted);
    show_broken(t, "the callback was not acknowledged");
}

static void left(struct terminal *t, const struct http_response *r)
{
    t->call.open = false;
    t->failed |= r->status != 200;
    tell(t, r->status == 200 ? "the service knows" : "the notice was refused");
}

static void on_hop(struct op *op)
{
    struct terminal *t = container_of(op, struct terminal, hop);
    const struct http_response *r = op_failed(op) ? NULL : http_client_response(op);
    struct err e = {0};

    if (!r) {
        loop_timer_clear(&t->posted);
        show_broken(t, op->err.msg);
    } else if (t->repeating) {
        repeated(t, r);
    } else if (t->leaving) {
        left(t, r);
    } else if (t->call.profile->asynchronous) {
        acknowledged(t, r);
    } else if (phone_answered(&t->call, r->status, r->body, answer_header, (void *)(uintptr_t)r,
                              &e) != 0) {
        show_broken(t, e.msg);
    } else {
        show_screen(t);
    }
    op_release(op);
    if (!loop_timer_is_set(&t->posted))
        after_hop(t);
}

/* ---- SMS ---- */

static void watch_sms(struct terminal *t)
{
    if (!*t->o->sms_url || !t->o->framed)
        return;
    if (t->sms_known)
        phone_inbox_ask(&t->inbox, phone_inbox_count(&t->inbox) + 1, SMS_POLL_MS);
    else
        phone_inbox_ask(&t->inbox, 0, 0);
}

static void on_retry(void *arg)
{
    struct terminal *t = arg;

    if (!t->sms_wait)
        watch_sms(t);
}

static void on_inbox(struct phone_inbox *in)
{
    struct terminal *t = in->owner;
    size_t n = phone_inbox_count(in);

    if (t->sms_wait) {
        t->sms_wait = false;
        t->failed |= in->failed;
        if (in->failed)
            tell(t, "the SMS centre does not answer");
        else if (n == 0)
            tell(t, "no SMS");
        show_sms(t, 0);
        prompt(t);
        feed(t);
    } else if (t->sms_known && n > in->shown) {
        buf_puts(&t->out, "\r");
        show_sms(t, in->shown);
        prompt(t);
    }
    t->sms_known |= !in->failed;
    in->shown = n;
    if (in->failed)
        loop_timer_set(&t->retry, SMS_RETRY_MS);
    else if (!t->sms_wait)
        watch_sms(t);
}

static void ask_sms(struct terminal *t, struct str arg)
{
    int64_t count = 0;

    if (!*t->o->sms_url) {
        tell(t, "no SMS centre: give --sms-url");
        t->failed = true;
    } else if (arg.n > 0 && !str_to_i64(arg, 0, 1000, &count)) {
        tell(t, "/sms [N]: N is a number");
    } else {
        t->sms_wait = true;
        phone_inbox_ask(&t->inbox, (size_t)count, count > 0 ? SMS_WAIT_MS : 0);
    }
}

/* ---- input ---- */

static void quit(struct terminal *t, struct str arg)
{
    (void)arg;
    t->ended = true;
    buf_reset(&t->typed);
}

static void start_hop(struct terminal *t, int ready, const struct err *e)
{
    if (ready != 0) {
        tell(t, e->msg);
        t->failed = true;
        return;
    }
    t->repeating = t->leaving = false;
    if (t->call.profile->asynchronous)
        loop_timer_set(&t->posted, HOP_MS);
    post(t);
}

static void dial(struct terminal *t, struct str code)
{
    struct err e = {0};

    start_hop(t, phone_dial(&t->call, code, &e), &e);
}

static void again(struct terminal *t, struct str arg)
{
    (void)arg;
    if (t->call.hops == 0) {
        tell(t, "nothing to deliver again yet");
        return;
    }
    t->repeating = true;
    post(t);
}

/* What the carrier tells when the subscriber leaves; nothing, at most carriers. */
static void hang(struct terminal *t, struct str arg)
{
    enum ussd_kind kind = str_eq_c(arg, "timeout") ? USSD_TIMEOUT : USSD_ABORT;
    struct err e = {0};

    if (phone_leave(&t->call, kind, &e) != 0) {
        t->call.open = false;
        tell(t, e.msg);
        return;
    }
    t->repeating = false;
    t->leaving = true;
    post(t);
}

static void help(struct terminal *t, struct str arg)
{
    (void)arg;
    tell(t, "Enter dials or answers. /dial [CODE]  /again  /hang [timeout]  /sms [N]  /quit");
}

static const struct {
    const char *word;
    void (*run)(struct terminal *t, struct str arg);
} orders[] = {{"/dial", dial},   {"/again", again}, {"/hang", hang},
              {"/sms", ask_sms}, {"/help", help},   {"/quit", quit}};

static void obey(struct terminal *t, struct str line)
{
    struct str word, arg;
    struct err e = {0};

    (void)!str_cut(line, ' ', &word, &arg);
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        if (str_eq_c(word, orders[i].word)) {
            orders[i].run(t, str_trim(arg));
            return;
        }
    }
    if (t->call.open)
        start_hop(t, phone_answer(&t->call, line, &e), &e);
    else
        dial(t, str_trim(line));
}

static bool busy(const struct terminal *t)
{
    return op_pending(&t->hop) || loop_timer_is_set(&t->posted) || t->sms_wait;
}

/* Takes what standard input has; false when there is nothing more. */
static bool read_input(struct terminal *t)
{
    char *at = buf_reserve(&t->typed, 4096);
    ssize_t n = at ? read(STDIN_FILENO, at, 4096) : 0;

    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0) {
        t->ended = true;
        if (t->input)
            event_del(t->input);
        return false;
    }
    buf_advance(&t->typed, (size_t)n);
    return true;
}

static bool next_line(struct terminal *t, struct buf *line)
{
    ptrdiff_t end;

    while ((end = str_find_char(buf_str(&t->typed), '\n')) < 0 && t->direct && !t->ended)
        (void)read_input(t);
    if (end < 0 && !(t->ended && t->typed.len > 0))
        return false;
    size_t n = end < 0 ? t->typed.len : (size_t)end;
    struct str s = str_head(buf_str(&t->typed), n);

    buf_adds(line, str_ends(s, STR("\r")) ? str_head(s, s.n - 1) : s);
    buf_consume(&t->typed, MIN(n + 1, t->typed.len));
    return true;
}

static void feed(struct terminal *t)
{
    struct buf line;

    buf_init(&line, INPUT_MAX);
    while (!busy(t) && next_line(t, &line)) {
        obey(t, buf_str(&line));
        buf_reset(&line);
        if (!busy(t))
            prompt(t);
    }
    buf_fini(&line);
    if (!busy(t) && t->ended)
        loop_stop(t->loop);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    (void)read_input(arg);
    feed(arg);
}

static void on_start(void *arg)
{
    feed(arg);
}

/* ---- life ---- */

static int terminal_open(struct terminal *t, struct err *e)
{
    const struct phone_options *o = t->o;

    buf_init(&t->typed, INPUT_MAX);
    buf_init(&t->out, 1 << 20);
    phone_call_init(&t->call, o->profile, &o->sim);
    snprintf(t->number, sizeof t->number, "+%s", t->call.number);
    snprintf(t->url, sizeof t->url, "%s/ussd/%s/%s", o->url, o->profile->name, o->secret);
    t->loop = loop_new(e);
    t->client = t->loop ? http_client_new(t->loop, &(struct http_client_config){0}, e) : NULL;
    if (!t->client)
        return -1;
    op_init(&t->hop, t->loop, on_hop);
    loop_timer_init(&t->retry, t->loop, on_retry, t);
    loop_timer_init(&t->posted, t->loop, on_no_post, t);
    phone_inbox_open(&t->inbox, t->loop, t->client, o->sms_url, t->number, on_inbox, t);
    if (phone_ear_open(&t->ear, t->loop, o->listen, on_post, t, e) != 0)
        return -1;
    t->input = event_new(loop_base(t->loop), STDIN_FILENO, EV_READ | EV_PERSIST, on_input, t);
    t->direct = !t->input || event_add(t->input, NULL) != 0;
    return 0;
}

static void terminal_close(struct terminal *t)
{
    if (t->client) {
        phone_inbox_close(&t->inbox);
        op_cancel(&t->hop);
        op_release(&t->hop);
        loop_timer_clear(&t->retry);
        loop_timer_clear(&t->posted);
        phone_ear_close(&t->ear);
    }
    if (t->input)
        event_free(t->input);
    http_client_free(t->client);
    if (t->loop)
        loop_free(t->loop);
    phone_call_fini(&t->call);
    buf_fini(&t->typed);
    buf_fini(&t->out);
}

int phone_terminal_run(const struct phone_options *o)
{
    struct terminal t = {.o = o};
    struct loop_timer start;
    struct err e = {0};

    if (terminal_open(&t, &e) != 0) {
        fprintf(stderr, "coko phone: %s\n", e.msg);
        t.failed = true;
    } else {
        if (o->framed) {
            char idle[128];

            snprintf(idle, sizeof idle, "%s\n\nEnter dials %s\n/help tells more", t.number,
                     o->sim.code);
            show(&t, str_c(idle), "", "ready");
        }
        prompt(&t);
        watch_sms(&t);
        loop_timer_init(&start, t.loop, on_start, &t);
        if (t.direct)
            loop_timer_set(&start, 0);
        loop_run(t.loop);
    }
    terminal_close(&t);
    return t.failed ? 1 : 0;
}
