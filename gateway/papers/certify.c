/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko carrier certify NAME`: plays the carrier against the running daemon, check by check, and
 * writes what was sent, what came and what was found as a report to sign. The number must be one of
 * billing.test_number: no rail whose money is real may be reached from it.
 *
 * A check continues the dialogue that the one before left. Secrets stand in no report.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/papers/line.h"
#include "gateway/papers/carrier.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/utf8.h"

#define ROW(...) ((const char *const[]){__VA_ARGS__, NULL})

struct certify {
    const struct carrier_words *w;
    const struct config *c;
    const struct ussd_carrier_config *section;
    const struct profile *p;
    struct document d;   /* the report */
    struct document log; /* what went over the line; the report's end */
    struct line line;
    struct phone_call call;
    char url[1024], shown[256];
    struct line_answer a;
    char note[160];
    unsigned failed;
};

enum verdict { PASS, FAIL, NOT_THERE };

/* ---- one exchange ---- */

/* How long the value of ours is that s begins with and that no paper may hold; 0: none. */
static size_t secret_at(const struct certify *t, struct str s)
{
    const char *secrets[] = {t->section->secret,        t->section->user,
                             t->section->password,      t->section->send_user,
                             t->section->send_password, t->section->client_secret};

    for (size_t k = 0; k < ARRAY_LEN(secrets); k++) {
        if (strlen(secrets[k]) > 3 && str_starts(s, str_c(secrets[k])))
            return strlen(secrets[k]);
    }
    return 0;
}

/* A paper is UTF-8, whatever went over the line. */
static void without_secrets(const struct certify *t, struct str s, struct buf *out)
{
    while (s.n > 0) {
        struct str rest = s;
        size_t hit = secret_at(t, s);

        if (hit > 0) {
            buf_puts(out, "***");
            s = str_skip(s, hit);
            continue;
        }
        bool good = utf8_next(&rest) != UTF8_BAD;

        for (; s.n > rest.n; s = str_skip(s, 1))
            buf_addf(out, good ? "%c" : "\\x%02X", (uint8_t)*s.p);
    }
}

static void log_block(struct certify *t, const char *kind, struct str bytes)
{
    struct buf b;

    buf_init(&b, 256 * 1024);
    without_secrets(t, bytes, &b);
    document_block(&t->log, kind, buf_str(&b));
    buf_fini(&b);
}

static void log_exchange(struct certify *t, const char *method)
{
    struct buf b;

    buf_init(&b, 256 * 1024);
    if (method)
        buf_addf(&b, "(as %s) ", method);
    carrier_show_request(&t->call.request, t->shown, &b);
    log_block(t, "sent", buf_str(&b));
    buf_reset(&b);
    if (t->a.r) {
        buf_addf(&b, "HTTP/1.1 %d, after %u ms\n", t->a.r->status, t->a.ms);
        if (t->a.r->status == 200)
            buf_addf(&b, "Content-Type: %" STR_FMT "\n",
                     STR_ARG(http_response_header(t->a.r, "content-type")));
        buf_addc(&b, '\n');
        buf_adds(&b, t->a.r->body);
    } else {
        buf_puts(&b, t->a.why);
    }
    log_block(t, "came", buf_str(&b));
    if (t->a.posted.p)
        log_block(t, "posted", t->a.posted);
    buf_fini(&b);
}

static void send_as(struct certify *t, const char *method, bool twin, bool post)
{
    line_send(&t->line, t->url, &t->call.request, method, twin, post, &t->a);
    log_exchange(t, method);
}

static PRINTF_LIKE(2, 3) enum verdict fail(struct certify *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(t->note, sizeof t->note, fmt, ap);
    va_end(ap);
    return FAIL;
}

/* The answer to a hop that wants a screen: its form, its size, its time. */
static enum verdict screen(struct certify *t)
{
    struct str body;
    struct err e = {0};
    char count[48];

    send_as(t, NULL, false, t->p->asynchronous);
    if (!t->a.r)
        return fail(t, "%s", t->a.why);
    body = t->p->asynchronous ? t->a.posted : t->a.r->body;
    if (!body.p)
        return fail(t, "acknowledged, but no screen was posted");
    if (phone_answered(&t->call, t->a.r->status, body, line_header, (void *)(uintptr_t)t->a.r,
                       &e) != 0)
        return fail(t, "%s", e.msg);
    bool fits = phone_screen_count(t->p, buf_str(&t->call.screen.text), count, sizeof count);

    snprintf(t->note, sizeof t->note, "%u ms, %s", t->a.ms, count);
    if (!fits)
        return fail(t, "the screen is too long: %s", count);
    if (t->a.ms > t->p->deadline_ms + 500)
        return fail(t, "too slow");
    return PASS;
}

static enum verdict expect_status(struct certify *t, int status)
{
    if (!t->a.r)
        return fail(t, "%s", t->a.why);
    snprintf(t->note, sizeof t->note, "%d, %zu bytes of body", t->a.r->status, t->a.r->body.n);
    return t->a.r->status == status && t->a.r->body.n == 0 ? PASS : FAIL;
}

/* ---- the checks ---- */

static enum verdict begin(struct certify *t)
{
    struct err e = {0};

    if (phone_dial(&t->call, STR_EMPTY, &e) != 0)
        return fail(t, "%s", e.msg);
    enum verdict v = screen(t);

    return v == PASS && !t->call.open ? fail(t, "the first screen ended the dialogue") : v;
}

static enum verdict repeated(struct certify *t)
{
    if (t->p->asynchronous)
        return NOT_THERE;
    send_as(t, NULL, false, false);
    if (!t->a.r || !str_eq(t->a.r->body, buf_str(&t->call.last)))
        return fail(t, "another answer");
    snprintf(t->note, sizeof t->note, "the same answer, byte for byte");
    return PASS;
}

static enum verdict at_once(struct certify *t)
{
    if (t->p->asynchronous)
        return NOT_THERE;
    send_as(t, NULL, true, false);
    if (!t->a.same || !str_eq(t->a.r->body, buf_str(&t->call.last)))
        return fail(t, "two answers to one step");
    snprintf(t->note, sizeof t->note, "the same answer on both connections");
    return PASS;
}

static enum verdict reply_to(struct certify *t, const char *input)
{
    struct err e = {0};

    if (phone_answer(&t->call, str_c(input), &e) != 0)
        return fail(t, "%s", e.msg);
    return screen(t);
}

static enum verdict answered(struct certify *t)
{
    return reply_to(t, "1");
}

static enum verdict wrong_key(struct certify *t)
{
    struct err e = {0};

    if (phone_answer(&t->call, STR("77"), &e) != 0)
        return NOT_THERE; /* its screens have links only */
    enum verdict v = screen(t);

    return v == PASS && !t->call.open ? fail(t, "a wrong key ended the dialogue") : v;
}

static enum verdict late(struct certify *t)
{
    struct phone_request old = t->call.request;
    struct err e = {0};

    if (t->p->step != STEP_SEQUENCE || t->p->path)
        return NOT_THERE;
    phone_request_init(&t->call.request);
    if (phone_answer(&t->call, STR("00"), &e) != 0 || screen(t) != PASS) {
        phone_request_fini(&old);
        return FAIL;
    }
    phone_request_fini(&t->call.request);
    t->call.request = old;
    send_as(t, NULL, false, false);
    snprintf(t->note, sizeof t->note, "answered %d", t->a.r ? t->a.r->status : 0);
    return t->a.r && t->a.r->status == 200 && str_eq(t->a.r->body, buf_str(&t->call.last)) ? PASS
                                                                                           : FAIL;
}

static enum verdict left(struct certify *t, enum ussd_kind kind)
{
    struct err e = {0};

    if (!phone_tells(t->p, kind))
        return NOT_THERE;
    if (!t->call.open && begin(t) != PASS)
        return FAIL;
    if (phone_leave(&t->call, kind, &e) != 0)
        return fail(t, "%s", e.msg);
    send_as(t, NULL, false, false);
    t->call.open = false;
    if (!t->a.r)
        return fail(t, "%s", t->a.why);
    snprintf(t->note, sizeof t->note, "%d, no screen", t->a.r->status);
    return t->a.r->status == 200 ? PASS : FAIL;
}

static enum verdict aborted(struct certify *t)
{
    return left(t, USSD_ABORT);
}

static enum verdict timed_out(struct certify *t)
{
    return left(t, USSD_TIMEOUT);
}

static enum verdict again(struct certify *t)
{
    return begin(t);
}

static enum verdict ended(struct certify *t)
{
    char number[MSISDN_MAX + 1];
    enum verdict v;
    struct err e = {0};

    memcpy(number, t->call.number, sizeof number);
    snprintf(t->call.number, sizeof t->call.number, "12");
    v = phone_dial(&t->call, STR_EMPTY, &e) == 0 ? screen(t) : FAIL;
    memcpy(t->call.number, number, sizeof number);
    return v == PASS && t->call.open ? fail(t, "it goes on") : v;
}

static enum verdict wrong_secret(struct certify *t)
{
    char url[sizeof t->url];
    enum verdict v;
    struct err e = {0};

    memcpy(url, t->url, sizeof url);
    if (phone_dial(&t->call, STR_EMPTY, &e) != 0)
        return fail(t, "%s", e.msg);
    t->url[strlen(t->url) - 1] ^= 1;
    send_as(t, NULL, false, false);
    v = expect_status(t, 404);
    memcpy(t->url, url, sizeof url);
    return v;
}

static enum verdict wrong_user(struct certify *t)
{
    struct phone_sim sim = t->call.sim;
    struct err e = {0};

    if (!*t->section->user)
        return NOT_THERE;
    t->call.sim.user = "nobody";
    if (phone_dial(&t->call, STR_EMPTY, &e) != 0)
        return fail(t, "%s", e.msg);
    t->call.sim = sim;
    send_as(t, NULL, false, false);
    return expect_status(t, 404);
}

static void garble(struct phone_request *rq)
{
    ptrdiff_t query = str_find_char(buf_str(&rq->target), '?');

    if (query >= 0)
        buf_truncate(&rq->target, (size_t)query);
    buf_reset(&rq->lines);
    if (rq->body.len > 0) {
        buf_reset(&rq->body);
        buf_puts(&rq->body, "\xff\xfe{<");
    }
}

/* The carrier's own success status and its last screen; nobody's, where the credentials went too. */
static enum verdict malformed(struct certify *t)
{
    struct err e = {0};

    if (phone_dial(&t->call, STR_EMPTY, &e) != 0)
        return fail(t, "%s", e.msg);
    garble(&t->call.request);
    send_as(t, NULL, false, false);
    if (*t->section->user || !t->a.r)
        return expect_status(t, 404);
    snprintf(t->note, sizeof t->note, "%d, no dialogue", t->a.r->status);
    if (t->p->asynchronous)
        return t->a.r->status == 200 ? PASS : FAIL;
    if (phone_answered(&t->call, t->a.r->status, t->a.r->body, line_header,
                       (void *)(uintptr_t)t->a.r, &e) != 0)
        return fail(t, "%s", e.msg);
    return t->call.open ? fail(t, "it goes on") : PASS;
}

static enum verdict wrong_method(struct certify *t)
{
    struct err e = {0};

    if (phone_dial(&t->call, STR_EMPTY, &e) != 0)
        return fail(t, "%s", e.msg);
    send_as(t, "DELETE", false, false);
    return expect_status(t, 405);
}

static const struct {
    const char *title;
    enum verdict (*run)(struct certify *t);
} checks[] = {
    {"A dial begins a dialogue: its screen has the form, fits and is in time", begin},
    {"The same callback again has the same answer", repeated},
    {"Twice at the same moment, on two connections: the same answer", at_once},
    {"An answer brings the next screen", answered},
    {"A wrong key shows the screen again and ends nothing", wrong_key},
    {"A callback that comes late moves nothing", late},
    {"The notice of an abort is taken, without a screen", aborted},
    {"The notice of a timeout is taken, without a screen", timed_out},
    {"Another dial begins again", again},
    {"The last screen says that it is the last", ended},
    {"A wrong secret: 404, no body", wrong_secret},
    {"Wrong credentials: 404, no body", wrong_user},
    {"A malformed callback begins nothing: 200 and the last screen, or 404 without credentials",
     malformed},
    {"A method that the address has not: 405, no body", wrong_method},
};

/* ---- the report ---- */

static void run_checks(struct certify *t)
{
    static const char *const words[] = {
        [PASS] = "pass", [FAIL] = "FAIL", [NOT_THERE] = "not in this interface"};

    document_section(&t->d, "Checks");
    document_table(&t->d, ROW("no", "check", "result", "found"));
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        char no[8];

        snprintf(no, sizeof no, "%zu", i + 1);
        t->note[0] = '\0';
        document_text(&t->log, "Check %zu: %s", i + 1, checks[i].title);
        enum verdict v = checks[i].run(t);

        t->failed += v == FAIL;
        document_row(&t->d, ROW(no, checks[i].title, words[v], v == NOT_THERE ? "" : t->note));
        fprintf(stderr, "%-22s %s\n", words[v], checks[i].title);
    }
    document_table_end(&t->d);
}

static void stamp_now(char out[32])
{
    time_t now = (time_t)(clock_wall_us() / 1000000);
    struct tm tm;

    gmtime_r(&now, &tm);
    if (strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
        out[0] = '\0';
}

static void heading(struct certify *t)
{
    char stamp[32], mask[MSISDN_MASK_LEN], title[128];

    stamp_now(stamp);
    snprintf(title, sizeof title, "Coko: conformance of %s", t->p->name);
    document_open(&t->d, t->w->html, title);
    document_open(&t->log, t->w->html, "");
    buf_reset(&t->log.out);
    document_table(&t->d, ROW("what", "value"));
    document_row(&t->d, ROW("date", stamp));
    document_row(&t->d, ROW("release", COKO_VERSION));
    document_row(&t->d, ROW("profile", t->p->name));
    document_row(&t->d, ROW("address", t->shown));
    document_row(&t->d, ROW("test number", msisdn_mask(str_c(t->call.number), mask)));
    document_row(&t->d, ROW("run by", t->w->by));
    document_table_end(&t->d);
}

static void closing(struct certify *t)
{
    document_section(&t->d, "Result");
    document_text(&t->d, "%s: %zu checks, %u failed.", t->failed ? "NOT CONFORMING" : "CONFORMING",
                  ARRAY_LEN(checks), t->failed);
    document_table(&t->d, ROW("for", "name", "date", "signature"));
    document_row(&t->d, ROW("the carrier", " ", " ", " "));
    document_row(&t->d, ROW("Coko", " ", " ", " "));
    document_table_end(&t->d);
    document_section(&t->d, "What went over the line");
    buf_adds(&t->d.out, buf_str(&t->log.out));
    document_close(&t->d);
    buf_fini(&t->log.out);
}

/* ---- who may ---- */

static PRINTF_LIKE(1, 2) int refuse(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fprintf(stderr, "coko carrier: ");
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    va_end(ap);
    return COMMAND_FAULT;
}

static void find_url(struct certify *t)
{
    const char *base = *t->w->url ? t->w->url : "";

    if (*base)
        snprintf(t->url, sizeof t->url, "%s/ussd/%s/%s", base, t->p->name, t->section->secret);
    else if (strncmp(t->section->url, "http", 4) == 0)
        snprintf(t->url, sizeof t->url, "%s", t->section->url);
    else
        snprintf(t->url, sizeof t->url, "http://%s/ussd/%s/%s", t->c->http.listen, t->p->name,
                 t->section->secret);
    snprintf(t->shown, sizeof t->shown, "/ussd/%s/SECRET", t->p->name);
}

static int certify(struct certify *t)
{
    struct err e = {0};

    find_url(t);
    if (line_open(&t->line, t->p->asynchronous ? t->w->listen : "", &e) != 0)
        return refuse("%s", e.msg);
    heading(t);
    run_checks(t);
    closing(t);
    line_close(&t->line);
    int code = carrier_print(t->w, &t->d);

    return t->failed ? COMMAND_FAULT : code;
}

static int admitted(struct certify *t)
{
    const struct ussd_carrier_config *s = t->section;
    struct phone_sim sim = {
        .number = t->w->number, .code = s->short_code, .user = s->user, .password = s->password};
    struct msisdn number;
    struct err e = {0};

    if (t->p->body == PROFILE_SMPP)
        return refuse("%s is spoken over SMPP: its checks are the SMSC's to play", t->p->name);
    if (t->p->asynchronous && !*t->w->listen)
        return refuse("%s",
                      "--listen HOST:PORT is needed: where send_url points, we play the gateway");
    if (msisdn_parse(str_c(t->w->number), *s->country ? s->country : t->p->country, &number, &e) !=
        0)
        return refuse("--number: %s", e.msg);
    if (carrier_test_rows(t->c, number.digits) != 1)
        return refuse("%s",
                      "not a test number: coko carrier test-number makes it one, so that no real "
                      "rail can be reached");
    phone_call_init(&t->call, t->p, &sim);
    memcpy(t->call.number, number.digits, sizeof number.digits);
    int code = certify(t);

    phone_call_fini(&t->call);
    return code;
}

int carrier_certify(const struct carrier_words *w, int argc, char **argv)
{
    const char *path;
    int code = COMMAND_OK;
    struct certify *t = calloc(1, sizeof *t);
    struct profile *p = command_profile("carrier", w->profiles, w->name);
    struct config *c = p ? command_config(argc, argv, &path, &code) : NULL;

    if (!t)
        abort();
    *t = (struct certify){.w = w, .c = c, .p = p, .section = carrier_section(c, w->name)};
    if (!p)
        code = COMMAND_USAGE;
    else if (c)
        code = !t->section ? refuse("no [carrier %s] in the configuration", w->name) : admitted(t);
    config_free(c);
    free(p);
    free(t);
    return code;
}
