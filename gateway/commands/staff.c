/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko staff`: persons who decide about money. Whoever joins makes his own secret here, sees it once,
 * and is vouched for by two who are there already; so no person ever holds the secret of another.
 * See commands.h and staff.h.
 */
#include "gateway/commands/staff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "gateway/commands/commands.h"
#include "gateway/lib/basenc.h"

#define LINE_MAX_BYTES 256

/* ---- the secret ---- */

/* The line as it was given; a terminal does not show it. */
static bool line_read(FILE *from, char line[LINE_MAX_BYTES])
{
    struct termios was, quiet;
    bool hide = isatty(fileno(from)) && tcgetattr(fileno(from), &was) == 0;
    bool got;

    if (hide) {
        quiet = was;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(fileno(from), TCSAFLUSH, &quiet);
        fprintf(stderr, "your key: ");
    }
    setvbuf(from, NULL, _IONBF, 0); /* no copy of it stays in a buffer of stdio */
    got = fgets(line, LINE_MAX_BYTES, from) != NULL;
    if (hide) {
        (void)tcsetattr(fileno(from), TCSAFLUSH, &was);
        fputc('\n', stderr);
    }
    return got;
}

/* The digits of a secret in lower case; blanks and dashes between them are left out. */
static bool key_digits(const char *line, char out[STAFF_KEY_DIGITS + 1])
{
    size_t n = 0;

    for (; *line != '\0' && *line != '\n' && *line != '\r'; line++) {
        int v = hex_value(*line);

        if (*line == ' ' || *line == '-')
            continue;
        if (v < 0 || n == STAFF_KEY_DIGITS)
            return false;
        out[n++] = "0123456789abcdef"[v];
    }
    out[n] = '\0';
    return n == STAFF_KEY_DIGITS;
}

static bool macs_of(const struct config *c, const char *digits, char macs[READER_CODE_MACS_MAX])
{
    struct seal_ring *ring;
    struct err e;

    if (seal_ring_new(str_c(c->core.keys), &ring, &e) != 0) {
        fprintf(stderr, "coko: %s\n", e.msg);
        return false;
    }
    reader_secret_macs(ring, STR("staff.key"), str_c(digits), macs);
    seal_ring_free(ring);
    return true;
}

bool staff_key_read(const struct config *c, const char *file, char macs[READER_CODE_MACS_MAX])
{
    char line[LINE_MAX_BYTES] = "", digits[STAFF_KEY_DIGITS + 1] = "";
    FILE *from = file ? fopen(file, "re") : stdin;
    bool ok = from && line_read(from, line) && key_digits(line, digits);

    if (!from)
        fprintf(stderr, "coko: %s cannot be read\n", file);
    else if (!ok)
        fprintf(stderr, "coko: a key is %d hexadecimal digits\n", STAFF_KEY_DIGITS);
    ok = ok && macs_of(c, digits, macs);
    if (from && from != stdin)
        fclose(from);
    crypto_wipe(line, sizeof line);
    crypto_wipe(digits, sizeof digits);
    return ok;
}

static void key_print(const char *digits)
{
    for (int i = 0; i < STAFF_KEY_DIGITS; i += 4)
        printf("%s%.4s", i ? "-" : "", digits + i);
    printf("\n");
}

static void key_make(char digits[STAFF_KEY_DIGITS + 1])
{
    uint8_t raw[STAFF_KEY_DIGITS / 2];
    struct buf b;

    crypto_random(raw, sizeof raw);
    buf_init_fixed(&b, digits, STAFF_KEY_DIGITS + 1);
    hex_encode(&b, raw, sizeof raw);
    (void)buf_cstr(&b);
    crypto_wipe(raw, sizeof raw);
}

/* ---- the verbs ---- */

struct request {
    const char *words[3]; /* "staff", verb, name */
    size_t nwords;
    const char *by, *country, *key_file;
    bool bad;
};

static struct request request_read(int argc, char **argv)
{
    static const struct command_word flags[] = {{"--by", offsetof(struct request, by)},
                                                {"--country", offsetof(struct request, country)},
                                                {"--key-file", offsetof(struct request, key_file)}};
    struct request r = {.by = command_operator(), .country = ""};

    r.bad = !command_words_read(&r, flags, ARRAY_LEN(flags), argc, argv, r.words,
                                ARRAY_LEN(r.words), &r.nwords);
    return r;
}

static const struct {
    const char *outcome, *text;
} refusals[] = {
    {"taken", "that name was given already; a name is given once"},
    {"bad_name", "a name is 2 to 32 of a-z 0-9 . _ -, a letter first"},
    {"no_country", "no such country; --country CI"},
    {"who", "this key is nobody's who may decide about money"},
    {"missing", "nobody of that name is here"},
    {"same_person", "nobody vouches for himself"},
};

static int refused(const char *outcome)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (strcmp(outcome, refusals[i].outcome) == 0)
            fprintf(stderr, "coko staff: %s\n", refusals[i].text);
    }
    return COMMAND_FAULT;
}

static int staff_join(PGconn *db, const struct config *c, const struct request *r)
{
    char digits[STAFF_KEY_DIGITS + 1], macs[READER_CODE_MACS_MAX];
    PGresult *got = NULL;
    int code = COMMAND_FAULT;

    key_make(digits);
    if (macs_of(c, digits, macs)) {
        const char *v[] = {r->words[2], r->country, macs, r->by};

        got = command_rows(db,
                           "select outcome, active from auth.staff_join($1, upper($2),"
                           " ($3::bytea[])[1], $4)", /* under the current key */
                           4, v);
    }
    if (got && strcmp(PQgetvalue(got, 0, 0), "ok") == 0) {
        key_print(digits);
        fprintf(stderr, "%s: this key is shown once; %s\n", r->words[2],
                *PQgetvalue(got, 0, 1) == 't' ? "it is good from now on"
                                              : "it is good once two others vouched");
        code = COMMAND_OK;
    } else if (got) {
        code = refused(PQgetvalue(got, 0, 0));
    }
    PQclear(got);
    crypto_wipe(digits, sizeof digits);
    return code;
}

static int with_key(PGconn *db, const struct config *c, const struct request *r, const char *sql)
{
    char macs[READER_CODE_MACS_MAX];
    const char *v[] = {macs, r->words[2], r->by};
    int code = COMMAND_FAULT;

    if (!staff_key_read(c, r->key_file, macs))
        return code;
    PGresult *got = command_rows(db, sql, 3, v);

    if (got && strcmp(PQgetvalue(got, 0, 0), "ok") == 0) {
        printf("%s: %s\n", r->words[2], PQgetvalue(got, 0, 1));
        code = COMMAND_OK;
    } else if (got) {
        code = refused(PQgetvalue(got, 0, 0));
    }
    PQclear(got);
    return code;
}

static int staff_vouch(PGconn *db, const struct config *c, const struct request *r)
{
    return with_key(db, c, r,
                    "select outcome, case when active then 'active' else 'waits for one more' end"
                    " from auth.staff_vouch_for($1::bytea[], $2, $3)");
}

static int staff_close(PGconn *db, const struct config *c, const struct request *r)
{
    return with_key(db, c, r,
                    "select outcome, 'closed' from auth.staff_close($1::bytea[], $2, $3)");
}

static int staff_list(PGconn *db, const struct config *c, const struct request *r)
{
    PGresult *got = command_rows(db, "select * from auth.staff_list()", 0, NULL);

    (void)c;
    (void)r;
    if (!got)
        return COMMAND_FAULT;
    printf("%-16s %-24s %-16s %s\n", "name", "state", "joined", "vouched for by");
    for (int i = 0; i < PQntuples(got); i++)
        printf("%-16s %-24s %-16s %s\n", PQgetvalue(got, i, 0), PQgetvalue(got, i, 1),
               PQgetvalue(got, i, 2), PQgetvalue(got, i, 3));
    PQclear(got);
    return COMMAND_OK;
}

static const struct verb {
    const char *name;
    size_t nwords;
    int (*run)(PGconn *db, const struct config *c, const struct request *r);
} verbs[] = {{"join", 3, staff_join},
             {"vouch", 3, staff_vouch},
             {"close", 3, staff_close},
             {"list", 2, staff_list}};

static const struct verb *verb_find(const struct request *r)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!r->bad && r->nwords == verbs[i].nwords && strcmp(r->words[1], verbs[i].name) == 0)
            return &verbs[i];
    }
    return NULL;
}

static int request_run(PGconn *db, const struct config *c, void *arg)
{
    const struct request *r = arg;

    return verb_find(r)->run(db, c, r);
}

int command_staff(int argc, char **argv)
{
    struct request r = request_read(argc, argv);

    return verb_find(&r) ? command_with_database(argc, argv, request_run, &r) : COMMAND_USAGE;
}
