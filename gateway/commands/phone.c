/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko phone`. See commands.h. An address not given on the command line comes from the
 * environment, then from the running demo's build/demo/env, then from the default.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/commands/commands.h"
#include "gateway/lib/arena.h"
#include "gateway/phone/terminal.h"

#ifndef COKO_DATA_DIR
#define COKO_DATA_DIR "."
#endif

struct words {
    const char *url, *carrier, *profiles, *secret, *number, *code, *network, *user, *password,
        *listen, *sms_url;
};

static const struct command_word flags[] = {
    {"--url", offsetof(struct words, url)},
    {"--carrier", offsetof(struct words, carrier)},
    {"--secret", offsetof(struct words, secret)},
    {"--number", offsetof(struct words, number)},
    {"--code", offsetof(struct words, code)},
    {"--sms-url", offsetof(struct words, sms_url)},
    {"--listen", offsetof(struct words, listen)},
    {"--network", offsetof(struct words, network)},
    {"--profiles", offsetof(struct words, profiles)},
    {"--user", offsetof(struct words, user)},
    {"--password", offsetof(struct words, password)},
};

static int parse(struct words *w, int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        const char **word = command_word(w, flags, ARRAY_LEN(flags), argv[i]);

        if (!word || i + 1 == argc)
            return -1;
        *word = argv[i + 1];
    }
    return 0;
}

/* NAME=value of the demo's env file; NULL when there is none. */
static const char *demo_value(struct arena *a, const char *name)
{
    FILE *in = fopen("build/demo/env", "re");
    char line[1024];
    const char *value = NULL;

    if (!in)
        in = fopen(COKO_DATA_DIR "/build/demo/env", "re");
    while (in && fgets(line, sizeof line, in)) {
        struct str head, tail;

        if (str_cut(str_trim(str_c(line)), '=', &head, &tail) && str_eq_c(head, name))
            value = arena_cstr(a, tail);
    }
    if (in)
        fclose(in);
    return value;
}

static const char *address(struct arena *a, const char *given, const char *name, const char *def)
{
    const char *v = given ? given : getenv(name);

    if (!v)
        v = demo_value(a, name);
    struct str s = str_c(v ? v : def);

    while (str_ends(s, STR("/")))
        s.n--;
    return arena_cstr(a, s);
}

const char *command_profiles(char mem[1024])
{
    const char *data = getenv("COKO_DATA_DIR");

    snprintf(mem, 1024, "%s/gateway/ussd/profiles", data && *data ? data : COKO_DATA_DIR);
    return mem;
}

struct profile *command_profile(const char *command, const char *dir, const char *name)
{
    struct err e = {0};
    struct profile *p = phone_profile(dir, name, &e);
    struct buf names;

    if (p)
        return p;
    buf_init(&names, 8192);
    phone_profiles(dir, &names);
    fprintf(stderr, "coko %s: %s\ncarriers: %s\n", command, e.msg, buf_cstr(&names));
    buf_fini(&names);
    return NULL;
}

static int run(const struct words *w, const struct profile *p)
{
    struct arena a;

    arena_init(&a, 1024, 64 * 1024);
    struct phone_options o = {
        .url = address(&a, w->url, "COKO_URL", "http://127.0.0.1:8080"),
        .profile = p,
        .secret = w->secret,
        .sim = {w->number, w->code, w->network, w->user, w->password},
        .listen = w->listen,
        .sms_url = address(&a, w->sms_url, "LAB_SMSC_URL", ""),
        .framed = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
    };
    int failed = phone_terminal_run(&o);

    arena_fini(&a);
    return failed ? COMMAND_FAULT : COMMAND_OK;
}

int command_phone(int argc, char **argv)
{
    char mem[1024];
    struct words w = {.carrier = "africastalking",
                      .profiles = command_profiles(mem),
                      .secret = "demo",
                      .code = "*384*26#",
                      .listen = ""};

    if (parse(&w, argc, argv) != 0)
        return COMMAND_USAGE;
    struct profile *p = command_profile("phone", w.profiles, w.carrier);

    if (!p)
        return COMMAND_USAGE;
    int code = COMMAND_USAGE;

    if (p->body == PROFILE_SMPP)
        fprintf(stderr, "coko phone: %s is spoken over SMPP, by its centre\n", p->name);
    else if (p->asynchronous && !*w.listen)
        fprintf(stderr, "coko phone: %s posts its screens: give --listen, where send_url points\n",
                p->name);
    else
        code = run(&w, p);
    free(p);
    return code;
}
