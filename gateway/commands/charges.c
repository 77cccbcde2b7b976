/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko charges`: what an operator sees of payments and decides about them. See commands.h.
 *
 * Looking and asking the rail anew need no proof: no money moves by them. Whatever moves money is
 * decided by a person who proves himself with his own key (staff.h), and a refund by two of them; who
 * they are, and that they are two, is judged by the database. No number is shown (S5).
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/staff.h"

#define LIST_MAX 1000

struct request {
    const char *words[4]; /* "charges", verb, charge or refund, amount, id or way */
    size_t nwords;
    const char *by, *key_file, *reason, *max;
    bool by_hand, bad;
    char id[24]; /* of the charge that words[2] names */
};

static struct request request_read(int argc, char **argv)
{
    static const struct command_word flags[] = {{"--by", offsetof(struct request, by)},
                                                {"--key-file", offsetof(struct request, key_file)},
                                                {"--reason", offsetof(struct request, reason)},
                                                {"--max", offsetof(struct request, max)}};
    struct request r = {.by = command_operator(), .max = "50"};
    int n = 0;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--by-hand") == 0)
            r.by_hand = true;
        else
            argv[n++] = argv[i];
    }
    r.bad = !command_words_read(&r, flags, ARRAY_LEN(flags), n, argv, r.words, ARRAY_LEN(r.words),
                                &r.nwords);
    return r;
}

static bool is_number(const char *text, int64_t min, int64_t max)
{
    int64_t v;

    return text && str_to_i64(str_c(text), min, max, &v);
}

/* ---- looking ---- */

static int charges_list(PGconn *db, const struct config *c, struct request *r)
{
    static const char *const heads[] = {"charge", "state", "ended as", "rail",  "amount",
                                        "age",    "asked", "next",     "reason"};
    static const int widths[] = {8, -14, -10, -14, 12, 10, 5, 9, 0};
    const char *v[] = {r->nwords > 2 ? r->words[2] : "open", r->max};

    (void)c;
    return command_table(command_rows(db, "select * from billing.charge_list($1, $2::int)", 2, v),
                         heads, widths, 9);
}

static int charges_refunds(PGconn *db, const struct config *c, struct request *r)
{
    static const char *const heads[] = {
        "refund", "charge", "state", "amount", "how", "asked, approved by", "age", "reason"};
    static const int widths[] = {8, 8, -14, 12, -22, -20, 10, 0};
    const char *v[] = {r->max};

    (void)c;
    return command_table(command_rows(db, "select * from billing.refund_list($1::int)", 1, v),
                         heads, widths, 8);
}

static int charges_show(PGconn *db, const struct config *c, struct request *r)
{
    const char *v[] = {r->id};
    PGresult *head = command_rows(db, "select * from billing.charge_head($1::bigint)", 1, v);
    PGresult *lines = command_rows(db, "select * from billing.charge_history($1::bigint)", 1, v);

    (void)c;
    for (int i = 0; head && i < PQntuples(head); i++)
        printf("%-12s %s\n", PQgetvalue(head, i, 0), PQgetvalue(head, i, 1));
    for (int i = 0; lines && i < PQntuples(lines); i++)
        printf("%s%s  %-10s %s\n", i ? "" : "\n", PQgetvalue(lines, i, 0), PQgetvalue(lines, i, 1),
               PQgetvalue(lines, i, 2));
    int code = head && lines ? COMMAND_OK : COMMAND_FAULT;

    PQclear(head);
    PQclear(lines);
    return code;
}

/* ---- what came of it ---- */

static const struct command_outcome outcomes[] = {
    {"who", "this key is nobody's who may decide about money"},
    {"missing", "there is none of that id"},
    {"nothing_to_ask", "not sent yet, or settled: there is nothing to ask the rail"},
    {"never_sent", "nothing of it ever left: there is nothing to ask the rail"},
    {"asked_now", "a question is on its way already"},
    {"no_review", "it waits for no decision"},
    {"refunding", "a refund of it was asked for; end that first"},
    {"held", "its money is held: grant it, credit it, or give it back"},
    {"other_currency", "what came is of another currency: it can only go back"},
    {"not_the_price", "what came is not the price: credit it, or give it back"},
    {"not_paid", "the rail took nothing for it"},
    {"by_hand",
     "this rail gives nothing back by itself: ask with --by-hand, let another approve, make"
     " it at the rail's back office, then tell its id with `made`"},
    {"above", "that is more than may go back"},
    {"whole_only", "this rail gives back whole charges only (or any part --by-hand)"},
    {"decided", "that was decided before"},
    {"same_person", "who asked for it cannot approve it: that takes another person"},
    {"recycled", "the number that paid has a new holder: give it back by hand"},
    {"spent", "it had become credit, and the reader used it"},
    {"not_by_hand", "the rail makes this one"},
    {"not_approved", "it is not approved, or is over"},
    {"seen", "the rail's id stands on another refund"},
};

/* Wakes who works on charges, and who sends. */
static int told(PGconn *db, PGresult *got, const char *what)
{
    static const char *const topics[] = {"coko_charge", "coko_message", NULL};

    return command_told(db, got, "charges", what, outcomes, ARRAY_LEN(outcomes), topics);
}

static int charges_poll(PGconn *db, const struct config *c, struct request *r)
{
    const char *v[] = {r->id, r->by};

    (void)c;
    return told(db,
                command_rows(db, "select outcome, '' from billing.poll_now($1::bigint, $2)", 2, v),
                "asked");
}

/* ---- deciding: $1 the proof, $2 the operator's account, then the rest ---- */

#define REST_MAX 4

static int decide(PGconn *db, const struct config *c, const struct request *r, const char *sql,
                  const char *const *rest, int nrest, const char *what)
{
    char macs[READER_CODE_MACS_MAX];
    const char *v[2 + REST_MAX] = {macs, r->by};

    assert(nrest <= REST_MAX);
    if (!staff_key_read(c, r->key_file, macs))
        return COMMAND_FAULT;
    memcpy(v + 2, rest, (size_t)nrest * sizeof *rest);
    return told(db, command_rows(db, sql, 2 + nrest, v), what);
}

static int charges_decide(PGconn *db, const struct config *c, struct request *r)
{
    const char *rest[] = {r->id, r->words[3], r->reason};

    return decide(db, c, r,
                  "select * from billing.desk_decide($1::bytea[], $2, $3::bigint, $4, $5)", rest,
                  ARRAY_LEN(rest), "decided:");
}

static int charges_refund(PGconn *db, const struct config *c, struct request *r)
{
    const char *rest[] = {r->id, r->nwords > 3 ? r->words[3] : NULL, r->reason,
                          r->by_hand ? "true" : "false"};

    return decide(db, c, r,
                  "select * from billing.desk_refund($1::bytea[], $2, $3::bigint, $4::bigint, $5,"
                  " $6::boolean)",
                  rest, ARRAY_LEN(rest), "asked for: refund");
}

static int charges_answer(PGconn *db, const struct config *c, struct request *r)
{
    const char *rest[] = {r->words[2], r->words[1]};

    return decide(db, c, r, "select * from billing.desk_answer($1::bytea[], $2, $3::bigint, $4)",
                  rest, ARRAY_LEN(rest), r->words[2]);
}

static int charges_made(PGconn *db, const struct config *c, struct request *r)
{
    bool made = r->nwords > 3;
    const char *rest[] = {r->words[2], made ? r->words[3] : NULL, made ? NULL : r->reason};

    return decide(db, c, r, "select * from billing.desk_made($1::bytea[], $2, $3::bigint, $4, $5)",
                  rest, ARRAY_LEN(rest), r->words[2]);
}

/* ---- the verbs ---- */

enum third { NOTHING, CHARGE, REFUND };

static const struct verb {
    const char *name;
    size_t min, max; /* words */
    enum third third;
    bool reason; /* must be given */
    int (*run)(PGconn *db, const struct config *c, struct request *r);
} verbs[] = {
    {"list", 2, 3, NOTHING, false, charges_list},
    {"show", 3, 3, CHARGE, false, charges_show},
    {"poll", 3, 3, CHARGE, false, charges_poll},
    {"decide", 4, 4, CHARGE, true, charges_decide},
    {"refunds", 2, 2, NOTHING, false, charges_refunds},
    {"refund", 3, 4, CHARGE, true, charges_refund},
    {"approve", 3, 3, REFUND, false, charges_answer},
    {"refuse", 3, 3, REFUND, false, charges_answer},
    {"made", 4, 4, REFUND, false, charges_made},
    {"not-made", 3, 3, REFUND, true, charges_made},
};

static bool is_way(const char *word)
{
    return strcmp(word, "grant") == 0 || strcmp(word, "credit") == 0 ||
           strcmp(word, "dismiss") == 0;
}

static const struct verb *verb_find(const struct request *r)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        const struct verb *v = &verbs[i];

        if (r->bad || r->nwords < v->min || r->nwords > v->max || strcmp(r->words[1], v->name) != 0)
            continue;
        if (v->reason && (!r->reason || !*r->reason || strlen(r->reason) > 200))
            return NULL;
        if (v->third == REFUND && !is_number(r->words[2], 1, INT64_MAX))
            return NULL;
        if (v->run == charges_decide && !is_way(r->words[3]))
            return NULL;
        if (v->run == charges_refund && r->nwords > 3 && !is_number(r->words[3], 1, INT64_MAX))
            return NULL;
        return is_number(r->max, 1, LIST_MAX) ? v : NULL;
    }
    return NULL;
}

static bool charge_find(PGconn *db, struct request *r)
{
    PGresult *got = command_rows(db, "select billing.charge_find($1)", 1, &r->words[2]);
    bool found = got && !PQgetisnull(got, 0, 0);

    if (found)
        (void)snprintf(r->id, sizeof r->id, "%s", PQgetvalue(got, 0, 0));
    else if (got)
        fprintf(stderr, "coko charges: no charge, or more than one, is %s\n", r->words[2]);
    PQclear(got);
    return found;
}

static int request_run(PGconn *db, const struct config *c, void *arg)
{
    struct request *r = arg;
    const struct verb *verb = verb_find(r);

    return verb->third != CHARGE || charge_find(db, r) ? verb->run(db, c, r) : COMMAND_FAULT;
}

int command_charges(int argc, char **argv)
{
    struct request r = request_read(argc, argv);

    return verb_find(&r) ? command_with_database(argc, argv, request_run, &r) : COMMAND_USAGE;
}
