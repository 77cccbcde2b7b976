/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko carrier`: its words, and what its verbs share. See carrier.h.
 */
#include "gateway/papers/carrier.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- words ---- */

#define WORD(flag, field)                                                                          \
    {                                                                                              \
        flag, offsetof(struct carrier_words, field)                                                \
    }

static const struct command_word flags[] = {
    WORD("--profiles", profiles), WORD("--url", url),   WORD("--code", code),
    WORD("--country", country),   WORD("--lang", lang), WORD("--number", number),
    WORD("--month", month),       WORD("--at", at),     WORD("--by", by),
    WORD("--note", note),         WORD("--out", out),   WORD("--listen", listen),
};

static const struct {
    const char *word;
    bool named; /* takes a NAME */
    int (*run)(const struct carrier_words *w, int argc, char **argv);
} verbs[] = {{"sheet", true, carrier_sheet},
             {"certify", true, carrier_certify},
             {"trace", true, carrier_trace},
             {"usage", false, carrier_usage},
             {"test-number", true, carrier_test_number}};

static int parse(struct carrier_words *w, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        const char **word = command_word(w, flags, ARRAY_LEN(flags), argv[i]);

        if (strcmp(argv[i], "--html") == 0) {
            w->html = true;
        } else if (word || strcmp(argv[i], "-c") == 0) {
            if (++i == argc)
                return -1;
            if (word)
                *word = argv[i];
        } else if (*argv[i] == '-' || *w->name) {
            return -1;
        } else {
            w->name = argv[i];
        }
    }
    return 0;
}

int command_carrier(int argc, char **argv)
{
    char mem[1024];
    struct carrier_words w = {.name = "",
                              .profiles = command_profiles(mem),
                              .url = "",
                              .code = "",
                              .country = "",
                              .lang = "",
                              .number = "",
                              .month = "",
                              .at = "",
                              .by = command_operator(),
                              .note = "",
                              .out = "",
                              .listen = ""};

    if (argc < 2 || parse(&w, argc, argv) != 0)
        return COMMAND_USAGE;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(argv[1], verbs[i].word) == 0)
            return verbs[i].named && !*w.name ? COMMAND_USAGE : verbs[i].run(&w, argc, argv);
    }
    return COMMAND_USAGE;
}

/* ---- what the verbs share ---- */

struct config *carrier_config(int argc, char **argv)
{
    const char *path;
    int code;

    return command_flag(argc, argv, "-c") ? command_config(argc, argv, &path, &code) : NULL;
}

const struct ussd_carrier_config *carrier_section(const struct config *c, const char *name)
{
    for (size_t i = 0; c && i < c->ncarriers; i++) {
        if (strcmp(c->carriers[i].profile, name) == 0)
            return &c->carriers[i];
    }
    return NULL;
}

int carrier_print(const struct carrier_words *w, struct document *d)
{
    FILE *out = *w->out ? fopen(w->out, "we") : stdout;
    struct err e = {0};
    int code = COMMAND_FAULT;

    if (!out)
        fprintf(stderr, "coko carrier: %s: %s\n", w->out, strerror(errno));
    else if (buf_check(&d->out, &e) != 0)
        fprintf(stderr, "coko carrier: %s\n", e.msg);
    else if (fwrite(d->out.p, 1, d->out.len, out) == d->out.len && fflush(out) == 0)
        code = COMMAND_OK;
    if (out && out != stdout)
        fclose(out);
    buf_fini(&d->out);
    return code;
}

const char *carrier_method(enum http_method m)
{
    return m == HTTP_GET ? "GET" : m == HTTP_PUT ? "PUT" : "POST";
}

void carrier_show_request(const struct phone_request *rq, const char *path, struct buf *out)
{
    struct str rest = buf_str(&rq->lines), line;

    buf_addf(out, "%s %s", carrier_method(rq->method), path);
    buf_adds(out, buf_str(&rq->target));
    buf_puts(out, " HTTP/1.1\n");
    while (str_split(&rest, '\n', &line) && line.n > 0) {
        buf_adds(out, line);
        buf_addc(out, '\n');
    }
    if (rq->type)
        buf_addf(out, "Content-Type: %s\n", rq->type);
    if (rq->body.len > 0) {
        buf_addc(out, '\n');
        buf_adds(out, buf_str(&rq->body));
    }
}
