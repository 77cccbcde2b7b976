/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko carrier sheet NAME`: what a carrier's engineer must know to connect, written from the
 * profile. The sample exchanges come out of the daemon's own code (rehearsal.h), those over SMPP out
 * of the dialect's (sample.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/papers/sample.h"
#include "gateway/papers/carrier.h"
#include "gateway/commands/menus.h"
#include "gateway/io/http_server.h"
#include "gateway/papers/rehearsal.h"
#include "gateway/ussd/profile_names.h"
#include "sessions/store.h"

#define ROW(...) ((const char *const[]){__VA_ARGS__, NULL})

struct sheet {
    struct document d;
    const struct profile *p;
    const struct menu *menu;
    struct carrier_facts f;
};

static const char *const field_says[FIELDS] = {
    [FIELD_SESSION] = "the dialogue; the same in each of its callbacks",
    [FIELD_NUMBER] = "the subscriber, international (E.164) or national",
    [FIELD_SERVICE_CODE] = "the code that was dialled; not needed",
    [FIELD_NETWORK] = "the subscriber's network; not needed where the number tells it",
    [FIELD_LANGUAGE] =
        "the subscriber's language, ISO 639; counts at the first contact, not needed",
    [FIELD_INPUT] = "what was typed",
    [FIELD_SEQUENCE] = "counts the callbacks of a dialogue",
    [FIELD_MESSAGE] = "the callback's own name: the same again is a repetition",
    [FIELD_TOKEN] = "the last part of a link of ours: which screen is answered",
    [FIELD_STATE] = "our own words, brought back as they were sent",
    [FIELD_USER] = "who calls, as agreed",
    [FIELD_PASSWORD] = "and the password of it"};

static const char *const kind_says[] = {[USSD_UNSAID] =
                                            "the first of a session begins it, a later one answers",
                                        [USSD_BEGIN] = "a dialogue begins",
                                        [USSD_CONTINUE] = "the subscriber answers",
                                        [USSD_ABORT] = "the subscriber or the network ended it",
                                        [USSD_TIMEOUT] = "nobody answered in time",
                                        [USSD_IGNORE] = "acknowledged, nothing done",
                                        [USSD_STATUS] = "asks whether the session lives"};

/* ---- words of the profile ---- */

static void place_text(const struct profile *p, const struct profile_source *at, char *out,
                       size_t cap)
{
    static const char *const names[] = {[PROFILE_QUERY] = "query",
                                        [PROFILE_FORM] = "form",
                                        [PROFILE_JSON] = "JSON",
                                        [PROFILE_XML] = "XML",
                                        [PROFILE_ANY] = "JSON or form"};
    const char *body = p->method == METHOD_GET && p->nurls == 0 ? "query" : names[p->body];

    if (at->place == PLACE_PATH)
        snprintf(out, cap, "address, part %u behind SECRET", at->segment + 1);
    else
        snprintf(out, cap, "%s `%s`",
                 at->place == PLACE_HEADER  ? "header"
                 : at->place == PLACE_QUERY ? "query"
                                            : body,
                 at->name);
}

static void ways_text(const struct profile *p, const struct profile_ways *ways, char *out,
                      size_t cap)
{
    size_t used = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < ways->n && used < cap; i++) {
        char one[PROFILE_FIELD_MAX + 48];

        place_text(p, &ways->way[i], one, sizeof one);
        used += (size_t)snprintf(out + used, cap - used, "%s%s", i ? ", else " : "", one);
    }
}

static const char *step_says(const struct profile *p)
{
    if (p->body == PROFILE_SMPP)
        return "the same PDU again within 1.5 s is a repetition";
    if (p->path)
        return "the whole path: the same path again is a repetition";
    if (p->step == STEP_ECHO)
        return "our own count, which the carrier brings back: a lower one is late";
    if (p->step == STEP_SEQUENCE)
        return "the carrier's count: the same again is a repetition, a lower one is late";
    return "the message itself: the same again is a repetition";
}

/* ---- sections ---- */

static void in_short(struct sheet *s)
{
    const struct profile *p = s->p;
    char limit[64], times[64];

    snprintf(limit, sizeof limit, "%u %s", p->limits.max,
             p->limits.charset == MENU_GSM7   ? "septets of GSM 03.38; its extension counts two"
             : p->limits.charset == MENU_UCS2 ? "UTF-16 units"
                                              : "characters");
    snprintf(times, sizeof times, "%u ms, whatever is down on our side", p->deadline_ms);
    document_section(&s->d, "1. In short");
    document_table(&s->d, ROW("what", "value"));
    document_row(
        &s->d, ROW("direction",
                   p->body == PROFILE_SMPP ? "you deliver_sm on a transceiver that we bind, we "
                                             "submit_sm on the same"
                   : p->asynchronous ? "you call us; we acknowledge, then call you with the screen"
                                     : "you call us; the answer is the screen"));
    document_row(&s->d, ROW("address", s->f.url));
    document_row(&s->d, ROW("service code", s->f.code));
    document_row(&s->d, ROW("one screen", limit));
    document_row(&s->d, ROW("alphabet", p->limits.charset == MENU_GSM7
                                            ? "letters outside GSM 03.38 are folded (ê to e)"
                                            : menu_charset_name(p->limits.charset)));
    document_row(&s->d, ROW("answer within", times));
    document_row(&s->d, ROW("what tells two steps apart", step_says(p)));
    document_row(&s->d, ROW("numbers in national form are of", s->f.country));
    document_table_end(&s->d);
}

static void addresses(struct sheet *s)
{
    const struct profile *p = s->p;
    static const char *const methods[] = {[METHOD_GET] = "GET",
                                          [METHOD_POST] = "POST",
                                          [METHOD_PUT] = "PUT",
                                          [METHOD_ANY] = "GET or POST"};

    document_section(&s->d, "2. Where and how you call");
    document_table(&s->d, ROW("method", "address", "tells"));
    for (unsigned i = 0; i < p->nurls; i++) {
        char address[640];

        snprintf(address, sizeof address, "%s/%s", s->f.url, p->urls[i].path);
        document_row(&s->d, ROW(methods[p->urls[i].method], address, kind_says[p->urls[i].kind]));
    }
    if (p->nurls == 0)
        document_row(&s->d, ROW(methods[p->method], s->f.url, "every callback"));
    document_table_end(&s->d);
    document_text(&s->d,
                  "HTTP/1.1, persistent connections welcome, TLS 1.2 or later. A body has at "
                  "most 16 KiB and a `Content-Length` or chunks; a request that can be read in "
                  "two ways is refused. Text is UTF-8. `?` is any one part of the address.");
}

static void fields(struct sheet *s)
{
    const struct profile *p = s->p;

    document_table(&s->d, ROW("field", "where", "at most", "meaning"));
    for (int f = 0; f < FIELDS; f++) {
        char where[512], most[32], says[160];

        if (p->fields[f].n == 0)
            continue;
        ways_text(p, &p->fields[f], where, sizeof where);
        snprintf(most, sizeof most, "%zu bytes", profile_field_max((enum profile_field)f));
        if (f >= FIELD_ECHO)
            snprintf(says, sizeof says, "comes back in our answers (%s)", p->echo[f - FIELD_ECHO]);
        else
            snprintf(says, sizeof says, "%s%s", field_says[f],
                     f == FIELD_INPUT && p->path ? ": all inputs so far, `*` between" : "");
        document_row(&s->d, ROW(profile_field_name((enum profile_field)f), where, most, says));
    }
    document_table_end(&s->d);
}

static void kinds(struct sheet *s)
{
    const struct profile *p = s->p;

    if (p->nkinds == 0)
        return;
    document_text(&s->d, "What a callback is; the first row that fits decides:");
    document_table(&s->d, ROW("where", "value", "means"));
    for (unsigned i = 0; i < p->nkinds; i++) {
        char where[512], value[PROFILE_FIELD_MAX + 4];

        ways_text(p, &p->asked[p->kinds[i].asked], where, sizeof where);
        snprintf(value, sizeof value, "`%s`", p->kinds[i].word);
        document_row(&s->d, ROW(where,
                                !*p->kinds[i].word                   ? "absent or empty"
                                : strcmp(p->kinds[i].word, "*") == 0 ? "any other"
                                                                     : value,
                                kind_says[p->kinds[i].kind]));
    }
    document_table_end(&s->d);
}

static void replies(struct sheet *s)
{
    static const struct {
        enum profile_reply kind;
        const char *says;
    } rows[] = {{REPLY_ACK, "To every callback, at once:"},
                {REPLY_CONTINUE, "A screen that waits for an answer:"},
                {REPLY_INPUT, "A screen that wants free text or a number:"},
                {REPLY_END, "The last screen:"},
                {REPLY_SILENT, "To the notice of an end:"},
                {REPLY_REFUSED, "To a second beginning of a session that is open:"},
                {REPLY_STATUS, "To a question for the session:"},
                {REPLY_PUSH_ASK, "To your gateway, where a dialogue begins with us:"},
                {REPLY_PUSH_TELL, "To your gateway, where we only tell something:"}};
    const struct profile *p = s->p;

    document_section(&s->d, "4. What we answer");
    document_text(&s->d,
                  "Always status 200 and `Content-Type: %s`. The forms, byte for byte; what begins "
                  "with `$` is put in, escaped as the form needs:",
                  p->content_type);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *form = p->reply[rows[i].kind];

        if ((!*form && rows[i].kind != REPLY_SILENT) ||
            (rows[i].kind == REPLY_ACK && !p->asynchronous) ||
            (rows[i].kind == REPLY_INPUT && strcmp(form, p->reply[REPLY_CONTINUE]) == 0))
            continue;
        document_text(&s->d, "%s", rows[i].says);
        document_block(&s->d, "template", str_c(*form ? form : "(an empty body)"));
    }
    if (*p->row[0])
        document_text(&s->d, "`$options` is a row for each choice: `%s`", p->row[0]);
}

static void headers(struct sheet *s)
{
    const struct profile *p = s->p;

    if (p->nheaders == 0)
        return;
    document_table(&s->d, ROW("header", "goes on", "ends", "no screen"));
    for (unsigned i = 0; i < p->nheaders; i++)
        document_row(&s->d, ROW(p->headers[i].name, p->headers[i].value[REPLY_CONTINUE],
                                p->headers[i].value[REPLY_END], p->headers[i].value[REPLY_SILENT]));
    document_table_end(&s->d);
}

static void timers(struct sheet *s)
{
    char ours[48];

    snprintf(ours, sizeof ours, "%u ms", s->p->deadline_ms);
    document_section(&s->d, "5. Timers");
    document_table(&s->d, ROW("what", "value"));
    document_row(&s->d, ROW("our answer, whatever is down", ours));
    if (s->p->asynchronous)
        document_row(&s->d, ROW("our call with the screen",
                                "one attempt of 4 s, one more when it fails, none after 10 s"));
    if (s->p->repeat_ms > 0) {
        snprintf(ours, sizeof ours, "%u ms", s->p->repeat_ms);
        document_row(&s->d, ROW("the same message again is a repetition within", ours));
    }
    snprintf(ours, sizeof ours, "%d s", STORE_LIVE_MS / 1000);
    document_row(&s->d, ROW("we keep a dialogue that nothing ended", ours));
    snprintf(ours, sizeof ours, "%d s", STORE_TOMBSTONE_MS / 1000);
    document_row(&s->d, ROW("we keep the answer to a dialogue that has ended", ours));
    document_table_end(&s->d);
}

static void access_rules(struct sheet *s)
{
    const struct profile *p = s->p;

    document_section(&s->d, "6. Authentication");
    document_text(&s->d,
                  "The last part of the address is a secret, agreed apart from this paper and "
                  "never sent by mail; it is compared in constant time.");
    if (p->fields[FIELD_USER].n > 0)
        document_text(&s->d, "Each callback brings the user%s that we agreed.",
                      p->fields[FIELD_PASSWORD].n > 0 ? " and password" : "");
    if (p->asynchronous)
        document_text(&s->d,
                      "Our calls bring the user and password that you give us, in the form of "
                      "section 4.");
    document_text(&s->d,
                  "On agreement also: your source networks only, and a client certificate at our "
                  "proxy. Your rate a second may be limited.");
}

static void errors(struct sheet *s)
{
    document_section(&s->d, "7. Errors");
    document_table(&s->d, ROW("what came", "answer"));
    document_row(&s->d, ROW("a wrong secret, network, certificate or credential", "404, no body"));
    document_row(&s->d, ROW("a method that the address has not", "405, no body, `Allow`"));
    document_row(&s->d, ROW("not of the form, a field missing or over its size",
                            s->p->asynchronous ? "200 and the acknowledgement; no screen follows"
                                               : "200 and a polite last screen"));
    document_row(&s->d, ROW("a body over 16 KiB", "413"));
    document_row(&s->d, ROW("all else, whatever is down on our side",
                            "200 and a polite last screen; nothing that was typed is lost"));
    document_table_end(&s->d);
}

static void repetitions(struct sheet *s)
{
    document_section(&s->d, "8. Repetitions, order, drops");
    document_text(&s->d,
                  "You may deliver any callback again, also at once on two connections: the answer "
                  "is the same, byte for byte, and what it did is done once. A callback that comes "
                  "late moves nothing: the present screen is answered. A subscriber whose session "
                  "drops may dial again and goes on where he was.");
    document_text(&s->d, "What tells a step: %s.", step_says(s->p));
    if (s->p->one_start)
        document_text(&s->d,
                      "A second, other beginning of an open session is refused in the body.");
}

/* ---- samples ---- */

static void sample(struct sheet *s, const char *title, const struct rehearsed *done)
{
    const struct profile *p = s->p;
    struct buf b;

    buf_init(&b, 128 * 1024);
    document_text(&s->d, "%s", title);
    carrier_show_request(done->request, s->f.path, &b);
    document_block(&s->d, "request", buf_str(&b));
    buf_reset(&b);
    if (p->asynchronous && done->said != REPLY_SILENT) {
        buf_addf(&b, "HTTP/1.1 200 OK\nContent-Type: %s\n\n", p->content_type);
        buf_adds(&b, done->ack);
        document_block(&s->d, "ack", buf_str(&b));
        buf_reset(&b);
        buf_puts(&b, "POST YOUR-GATEWAY HTTP/1.1\n");
    } else {
        buf_puts(&b, "HTTP/1.1 200 OK\n");
    }
    for (unsigned i = 0; i < p->nheaders; i++) {
        if (*p->headers[i].value[done->said])
            buf_addf(&b, "%s: %s\n", p->headers[i].name, p->headers[i].value[done->said]);
    }
    buf_addf(&b, "Content-Type: %s\n\n", p->content_type);
    buf_adds(&b, done->reply);
    document_block(&s->d, "reply", buf_str(&b));
    buf_fini(&b);
}

static int samples(struct sheet *s, struct err *e)
{
    const struct rehearsal_of of = {
        .profile = s->p,
        .menu = s->menu,
        .sim = {s->f.number, s->f.code, NULL, s->p->fields[FIELD_USER].n ? "USER" : NULL,
                s->p->fields[FIELD_PASSWORD].n ? "PASSWORD" : NULL, "1000000001"},
        .url = s->f.url,
        .lang = s->f.lang,
        .send_user = "USER",
        .send_password = "PASSWORD"};
    struct rehearsal *r = rehearsal_new(&of);
    struct rehearsed done = {0};
    int rc = rehearsal_dial(r, &done, e);

    if (rc == 0)
        sample(s, "A reader dials for the first time:", &done);
    if (rc == 0 && (rc = rehearsal_answer(r, STR("1"), &done, e)) == 0)
        sample(s, "He answers 1:", &done);
    if (rc == 0 && phone_tells(s->p, USSD_ABORT) &&
        (rc = rehearsal_leave(r, USSD_ABORT, &done, e)) == 0)
        sample(s, "He hangs up:", &done);
    if (rc == 0 && (rc = rehearsal_stranger(r, &done, e)) == 0)
        sample(s, "A call by what is no number; the last screen:", &done);
    rehearsal_free(r);
    return rc;
}

/* ---- the whole ---- */

static void over_http(struct sheet *s)
{
    addresses(s);
    document_section(&s->d, "3. What you send");
    fields(s);
    kinds(s);
    document_text(&s->d,
                  "Numbers and booleans may come as text, and text as numbers. A field that "
                  "stands twice, or has control characters, is refused. Fields that this table "
                  "does not name are ignored.");
    replies(s);
    headers(s);
    timers(s);
    access_rules(s);
    errors(s);
    repetitions(s);
}

static int write_sheet(struct sheet *s, struct err *e)
{
    char title[128];

    snprintf(title, sizeof title, "Coko: USSD interface for %s", s->p->name);
    document_open(&s->d, s->f.html, title);
    document_text(&s->d,
                  "Profile `%s`, release %s, menus %s. Written by `coko carrier sheet` from what "
                  "the service runs on.",
                  s->p->name, COKO_VERSION, menu_version(s->menu));
    in_short(s);
    if (s->p->body == PROFILE_SMPP) {
        sample_smpp(&s->d, s->p, s->menu, &s->f);
        document_close(&s->d);
        return 0;
    }
    over_http(s);
    document_section(&s->d, "9. Sample exchanges");
    document_text(
        &s->d, "Real bytes: the answers come from the code that will answer you. SECRET, USER and "
               "PASSWORD stand for what we agree on; tokens are of an example key.");
    int rc = samples(s, e);

    document_section(&s->d, "10. Conformance");
    document_text(
        &s->d,
        "When both sides are up, `coko carrier certify %s` dials as you would, with a number "
        "that no rail may charge, and writes a report to sign.",
        s->p->name);
    document_close(&s->d);
    return rc;
}

struct sheet_args {
    const struct carrier_words *w;
    const struct ussd_carrier_config *c; /* NULL: no configuration was given */
    const struct profile *p;
};

static int with_menu(const struct menu *m, struct menu_report *report, void *arg)
{
    const struct sheet_args *a = arg;
    struct sheet *s = calloc(1, sizeof *s);
    struct err e = {0};
    int code = COMMAND_FAULT;

    (void)report;
    if (!s)
        abort();
    s->p = a->p;
    s->menu = m;
    carrier_facts_fill(&s->f, a->w, a->c, a->p, m);
    if (write_sheet(s, &e) == 0) {
        code = carrier_print(a->w, &s->d);
    } else {
        fprintf(stderr, "coko carrier: %s: %s\n", a->p->name, e.msg);
        buf_fini(&s->d.out);
    }
    free(s);
    return code;
}

int carrier_sheet(const struct carrier_words *w, int argc, char **argv)
{
    struct profile *p = command_profile("carrier", w->profiles, w->name);
    struct config *c = p ? carrier_config(argc, argv) : NULL;
    char mem[1024];
    int code = COMMAND_USAGE;

    if (p) {
        struct sheet_args a = {.w = w, .c = carrier_section(c, p->name), .p = p};

        code = menus_with(menus_dir(NULL, mem), with_menu, &a);
    }
    config_free(c);
    free(p);
    return code;
}
