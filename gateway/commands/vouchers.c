/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko vouchers`: makes a batch of codes and prints them, once; closes a batch; tells what became of
 * them. The codes are uniform digits of the CSPRNG and reach the database as keyed hashes only (S5).
 * See commands.h.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/commands/commands.h"
#include "gateway/config.h"
#include "gateway/lib/reader_code.h"

#define CODE_DIGITS 12 /* 10^12 of them: five guesses an hour find none of a batch of any size */
#define CODES_MAX   10000
#define DAYS_MAX    3660

struct request {
    const char *words[4]; /* "vouchers", verb, plan or batch, how many */
    size_t nwords;
    const char *by, *country, *amount, *days, *note;
    bool bad;
};

static struct request request_read(int argc, char **argv)
{
    struct request r = {.by = command_operator(), .amount = "0", .days = "365", .note = ""};
    const struct {
        const char *flag;
        const char **value;
    } flags[] = {{"--by", &r.by},
                 {"--country", &r.country},
                 {"--amount", &r.amount},
                 {"--days", &r.days},
                 {"--note", &r.note}};

    for (int i = 0; i < argc; i++) {
        bool known = false;

        for (size_t f = 0; i + 1 < argc && f < ARRAY_LEN(flags) && !known; f++) {
            known = strcmp(argv[i], flags[f].flag) == 0;
            if (known)
                *flags[f].value = argv[i + 1];
        }
        if (known || (i + 1 < argc && strcmp(argv[i], "-c") == 0))
            i++; /* command_config reads -c */
        else if (r.nwords == ARRAY_LEN(r.words) || *argv[i] == '-')
            r.bad = true;
        else
            r.words[r.nwords++] = argv[i];
    }
    return r;
}

static bool is_number(const char *text, int64_t min, int64_t max)
{
    int64_t v;

    return text && str_to_i64(str_c(text), min, max, &v);
}

/* n codes, one after the other in mem, each with its NUL; their hashes as one array literal. */
static void codes_make(const struct seal_ring *ring, size_t n, char *mem, struct buf *macs)
{
    char one[READER_CODE_MACS_MAX];

    buf_addc(macs, '{');
    for (size_t i = 0; i < n; i++) {
        char *code = mem + i * (CODE_DIGITS + 1);

        crypto_random_digits(code, CODE_DIGITS);
        reader_code_macs(ring, str_c(code), one);
        /* Under the current key: what follows are those of older ones. */
        buf_puts(macs, i ? "," : "");
        buf_adds(macs, str_n(one + 1, READER_CODE_MAC_TEXT));
    }
    buf_addc(macs, '}');
}

static void codes_print(const char *mem, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *code = mem + i * (CODE_DIGITS + 1);

        printf("%.4s %.4s %.4s\n", code, code + 4, code + 8);
    }
}

static int batch_make(PGconn *db, const struct request *r, const char *macs)
{
    const char *v[] = {r->words[2], r->country, macs, r->amount, r->days, r->note, r->by};
    PGresult *got = command_rows(
        db,
        "select outcome, batch_id from billing.voucher_make($1, upper($2), $3::bytea[], $4::bigint,"
        " ops.now() + make_interval(days => $5::int), $6, $7)",
        7, v);
    int code = COMMAND_FAULT;

    if (!got)
        return code;
    if (strcmp(PQgetvalue(got, 0, 0), "ok") == 0) {
        fprintf(stderr, "batch %s\n", PQgetvalue(got, 0, 1));
        code = COMMAND_OK;
    } else {
        fprintf(stderr, "coko vouchers: %s\n",
                strcmp(PQgetvalue(got, 0, 0), "no_plan") == 0 ? "no such pass" : "no such country");
    }
    PQclear(got);
    return code;
}

static int vouchers_make(PGconn *db, const struct config *c, const struct request *r)
{
    size_t n = strtoul(r->words[3], NULL, 10);
    char *mem = calloc(n, CODE_DIGITS + 1);
    struct seal_ring *ring = NULL;
    struct buf macs;
    struct err e;
    int code = COMMAND_FAULT;

    buf_init(&macs, 2 << 20);
    if (!mem)
        abort();
    if (seal_ring_new(str_c(c->core.keys), &ring, &e) != 0) {
        fprintf(stderr, "coko vouchers: %s\n", e.msg);
    } else {
        codes_make(ring, n, mem, &macs);
        code = batch_make(db, r, buf_cstr(&macs));
    }
    if (code == COMMAND_OK)
        codes_print(mem, n);
    seal_ring_free(ring);
    crypto_wipe(mem, n * (CODE_DIGITS + 1));
    free(mem);
    buf_fini(&macs);
    return code;
}

static int vouchers_close(PGconn *db, const struct config *c, const struct request *r)
{
    const char *v[] = {r->words[2], r->by};
    PGresult *got = command_rows(db, "select billing.voucher_close($1::bigint, $2)", 2, v);
    int code = COMMAND_FAULT;

    (void)c;
    if (!got)
        return code;
    if (strcmp(PQgetvalue(got, 0, 0), "missing") == 0)
        fprintf(stderr, "coko vouchers: no batch %s\n", r->words[2]);
    else
        code = COMMAND_OK;
    PQclear(got);
    return code;
}

static int vouchers_list(PGconn *db, const struct config *c, const struct request *r)
{
    static const int widths[] = {6, -10, -3, 7, 9, 8, -10};
    PGresult *got = command_rows(db, "select * from billing.voucher_batches()", 0, NULL);

    (void)c;
    (void)r;
    if (!got)
        return COMMAND_FAULT;
    printf("%6s %-10s %-3s %7s %9s %8s %-10s %s\n", "batch", "plan", "in", "codes", "redeemed",
           "owed", "until", "note");
    for (int i = 0; i < PQntuples(got); i++) {
        for (int col = 0; col < (int)ARRAY_LEN(widths); col++)
            printf("%*s ", widths[col], PQgetvalue(got, i, col));
        printf("%s\n", PQgetvalue(got, i, 7));
    }
    PQclear(got);
    return COMMAND_OK;
}

static const struct verb {
    const char *name;
    size_t nwords;
    int (*run)(PGconn *db, const struct config *c, const struct request *r);
} verbs[] = {{"make", 4, vouchers_make}, {"close", 3, vouchers_close}, {"list", 2, vouchers_list}};

static const struct verb *verb_find(const struct request *r)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        const struct verb *v = &verbs[i];

        if (r->bad || r->nwords != v->nwords || strcmp(r->words[1], v->name) != 0)
            continue;
        if (v->run == vouchers_make &&
            (!is_number(r->words[3], 1, CODES_MAX) || !is_number(r->days, 1, DAYS_MAX) ||
             !is_number(r->amount, 0, INT64_MAX)))
            return NULL;
        return v->run != vouchers_close || is_number(r->words[2], 1, INT64_MAX) ? v : NULL;
    }
    return NULL;
}

static int request_run(PGconn *db, const struct config *c, void *arg)
{
    const struct request *r = arg;

    return verb_find(r)->run(db, c, r);
}

int command_vouchers(int argc, char **argv)
{
    struct request r = request_read(argc, argv);

    return verb_find(&r) ? command_with_database(argc, argv, request_run, &r) : COMMAND_USAGE;
}
