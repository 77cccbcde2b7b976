/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko reader`: what two persons of the house do about a number that its reader lost, or that has a
 * new holder. A number goes to SQL as its keyed hash and sealed (S5); none comes back. See commands.h
 * and staff.h.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/staff.h"
#include "gateway/lib/private_number.h"

struct request {
    const char *words[4]; /* "reader", verb, number or request, new number */
    size_t nwords;
    const char *by, *key_file, *reason;
    bool bad;
};

static struct request request_read(int argc, char **argv)
{
    static const struct command_word flags[] = {{"--by", offsetof(struct request, by)},
                                                {"--key-file", offsetof(struct request, key_file)},
                                                {"--reason", offsetof(struct request, reason)}};
    struct request r = {.by = command_operator()};

    for (int i = 0; i < argc; i++) {
        const char **value = command_word(&r, flags, ARRAY_LEN(flags), argv[i]);

        if (i + 1 < argc && value)
            *value = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "-c") == 0)
            i++; /* command_config reads it */
        else if (r.nwords == ARRAY_LEN(r.words) || *argv[i] == '-')
            r.bad = true;
        else
            r.words[r.nwords++] = argv[i];
    }
    return r;
}

static const struct command_outcome outcomes[] = {
    {"who", "this key is nobody's who may decide"},
    {"missing", "nobody ever came from that number, or there is no such request"},
    {"same", "that is one number"},
    {"abroad", "a reader does not move to another country's number: its prices and laws differ"},
    {"asked_already", "a request for that number waits already"},
    {"decided", "that was decided before"},
    {"same_person", "who asked for it cannot approve it: that takes another person"},
    {"open", "a payment of this reader is not over yet"},
};

/* Wakes who sends what came of it. */
static int told(PGconn *db, PGresult *got, const char *what)
{
    static const char *const topics[] = {"coko_message", NULL};

    return command_told(db, got, "reader", what, outcomes, ARRAY_LEN(outcomes), topics);
}

/* In any form with its country's code: +225..., 00225... */
static bool number_json(const struct config *c, const char *text, char out[PRIVATE_NUMBER_MAX])
{
    struct seal_ring *ring = NULL;
    struct msisdn number;
    struct err e;

    if (msisdn_parse(str_c(text), NULL, &number, &e) != 0) {
        fprintf(stderr, "coko reader: a number is given with its country's code\n");
        return false;
    }
    if (seal_ring_new(str_c(c->core.keys), &ring, &e) != 0) {
        fprintf(stderr, "coko reader: %s\n", e.msg);
        return false;
    }
    private_number(ring, &number, out);
    seal_ring_free(ring);
    return true;
}

/* "move OLD NEW", or "recycle NUMBER" */
static int reader_ask(PGconn *db, const struct config *c, const struct request *r)
{
    char macs[READER_CODE_MACS_MAX], old[PRIVATE_NUMBER_MAX], new[PRIVATE_NUMBER_MAX];
    bool moves = r->nwords > 3;
    const char *v[] = {macs, r->by, old, moves ? new : NULL, r->reason};

    if (!number_json(c, r->words[2], old) || (moves && !number_json(c, r->words[3], new)) ||
        !staff_key_read(c, r->key_file, macs))
        return COMMAND_FAULT;
    return told(db,
                command_rows(db,
                             "select outcome, detail from auth.desk_ask($1::bytea[], $2, $3::jsonb,"
                             " $4::jsonb, $5)",
                             ARRAY_LEN(v), v),
                "asked for: request");
}

static int reader_answer(PGconn *db, const struct config *c, const struct request *r)
{
    char macs[READER_CODE_MACS_MAX];
    const char *v[] = {macs, r->by, r->words[2], r->words[1]};

    if (!staff_key_read(c, r->key_file, macs))
        return COMMAND_FAULT;
    return told(
        db,
        command_rows(db,
                     "select outcome, detail from auth.desk_answer($1::bytea[], $2, $3::bigint,"
                     " $4)",
                     ARRAY_LEN(v), v),
        r->words[2]);
}

static int reader_list(PGconn *db, const struct config *c, const struct request *r)
{
    static const char *const heads[] = {"request", "kind",         "state", "asked, approved by",
                                        "age",     "takes effect", "reason"};
    static const int widths[] = {8, -9, -8, -24, 10, -16, 0};
    PGresult *got = command_rows(db, "select * from auth.move_list()", 0, NULL);

    (void)c;
    (void)r;
    for (int row = -1; got && row < PQntuples(got); row++) {
        for (int col = 0; col < (int)ARRAY_LEN(heads); col++)
            printf("%*s%s", widths[col], row < 0 ? heads[col] : PQgetvalue(got, row, col),
                   col + 1 < (int)ARRAY_LEN(heads) ? " " : "\n");
    }
    PQclear(got);
    return got ? COMMAND_OK : COMMAND_FAULT;
}

static const struct verb {
    const char *name;
    size_t nwords;
    bool reason, request; /* must be given; words[2] is a request's id */
    int (*run)(PGconn *db, const struct config *c, const struct request *r);
} verbs[] = {{"move", 4, true, false, reader_ask},
             {"recycle", 3, true, false, reader_ask},
             {"approve", 3, false, true, reader_answer},
             {"refuse", 3, false, true, reader_answer},
             {"requests", 2, false, false, reader_list}};

static const struct verb *verb_find(const struct request *r)
{
    int64_t id;

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        const struct verb *v = &verbs[i];

        if (r->bad || r->nwords != v->nwords || strcmp(r->words[1], v->name) != 0)
            continue;
        if (v->reason && (!r->reason || !*r->reason || strlen(r->reason) > 200))
            return NULL;
        return !v->request || str_to_i64(str_c(r->words[2]), 1, INT64_MAX, &id) ? v : NULL;
    }
    return NULL;
}

static int request_run(PGconn *db, const struct config *c, void *arg)
{
    const struct request *r = arg;

    return verb_find(r)->run(db, c, r);
}

int command_reader(int argc, char **argv)
{
    struct request r = request_read(argc, argv);

    return verb_find(&r) ? command_with_database(argc, argv, request_run, &r) : COMMAND_USAGE;
}
