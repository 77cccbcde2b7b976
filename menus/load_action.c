/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actions: actions/<name>.sql begins with comments, of which "-- key: value" say how it is called,
 * and holds one statement.
 *
 *   -- lane: read | write | slow      where it runs
 *   -- args: user book lang           variables given as text parameters $1..$n; what a sensitive input
 *                                     took may be given in no clear form (S5): voucher:code friend:number
 *   -- cols: outcome title            columns it gives; those that are variables are set
 *   -- outcomes: ok none              values of its column "outcome" (closed set)
 *   -- timeout_ms: 1500               one try may take this long (without it: what the turn has)
 *   -- retries: 1                     further tries when the database was busy or away; reads only
 *   -- code: otp                      what a sensitive input took: goes to the payment rail first, and is
 *                                     no argument
 *   -- repeat: safe                   a write that may run again or unasked: it finds the reader or
 *                                     notes his own place, and has no effect anybody else sees
 *
 * What is checked here needs no database: the head, the parameters used, one statement.
 */
#include "menus/load.h"

#include <stdlib.h>

struct head {
    struct str lane, args, cols, outcomes, timeout, retries, repeat, code;
    unsigned args_line, timeout_line, retries_line, repeat_line, code_line;
};

static void fault_at(struct loader *l, const struct menu_file *f, unsigned line, const char *what)
{
    report_add(l->r, f->name, line, "%s", what);
}

/* One "-- key: value" line; plain comments are let pass. */
static void read_head_line(struct head *h, struct str line, unsigned no)
{
    const struct {
        const char *key;
        struct str *value;
        unsigned *line; /* or NULL */
    } keys[] = {
        {"lane", &h->lane, NULL},
        {"args", &h->args, &h->args_line},
        {"cols", &h->cols, NULL},
        {"outcomes", &h->outcomes, NULL},
        {"timeout_ms", &h->timeout, &h->timeout_line},
        {"retries", &h->retries, &h->retries_line},
        {"repeat", &h->repeat, &h->repeat_line},
        {"code", &h->code, &h->code_line},
    };
    struct str key, value;

    if (!str_cut(str_skip(line, 2), ':', &key, &value))
        return;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (str_eq_c(str_trim(key), keys[i].key)) {
            *keys[i].value = str_trim(value);
            if (keys[i].line)
                *keys[i].line = no;
        }
}

static unsigned read_uint(struct loader *l, const struct menu_file *f, struct str value,
                          unsigned line, const unsigned range[2])
{
    int64_t v = 0;

    if (!line)
        return 0;
    if (!str_to_i64(value, range[0], range[1], &v))
        report_add(l->r, f->name, line, "must be a whole number from %u to %u", range[0], range[1]);
    return (unsigned)v;
}

static void read_running(struct loader *l, const struct menu_file *f, struct action *a,
                         const struct head *h)
{
    static const unsigned timeout[2] = {100, 30000}, retries[2] = {0, 3};

    a->pub.timeout_ms = read_uint(l, f, h->timeout, h->timeout_line, timeout);
    a->pub.retries = read_uint(l, f, h->retries, h->retries_line, retries);
    if (a->pub.retries && a->pub.lane != MENU_LANE_READ)
        fault_at(l, f, h->retries_line, "only reads have retries: a write may have been made");
    if (!h->repeat_line)
        return;
    a->repeat = str_eq(h->repeat, STR("safe"));
    if (!a->repeat || a->pub.lane != MENU_LANE_WRITE)
        fault_at(l, f, h->repeat_line, "\"-- repeat: safe\" is for writes, and says only this");
}

static struct str next_word(struct str *rest)
{
    struct str word = STR_EMPTY;

    while (rest->p && !word.n && str_split(rest, ' ', &word))
        word = str_trim(word);
    return word;
}

/* The form after the colon, which only a value that is kept nowhere has. */
static void read_form(struct loader *l, const struct menu_file *f, struct action *a,
                      const struct head *head, struct str form)
{
    uint32_t bit = 1u << a->pub.nargs;

    if (str_eq(form, STR("code")))
        a->pub.codes |= bit;
    else if (str_eq(form, STR("number")))
        a->pub.numbers |= bit;
    else if (form.p)
        fault_at(l, f, head->args_line, "an argument's form is \":code\" or \":number\"");
}

static void read_args(struct loader *l, const struct menu_file *f, struct action *a,
                      const struct head *head)
{
    struct str args = head->args.p ? head->args : STR_EMPTY, word, form;

    while ((word = next_word(&args)).n) {
        if (!str_cut(word, ':', &word, &form))
            form = (struct str){NULL, 0};
        int var = menu_find_var(l->m, word);

        if (var == NONE) {
            report_add(l->r, f->name, head->args_line, "unknown variable \"%" STR_FMT "\" in args",
                       STR_ARG(word));
        } else if (a->pub.nargs == MENU_ARGS_MAX) {
            fault_at(l, f, head->args_line, "too many args");
            return;
        } else {
            l->m->vars[var].used = true;
            read_form(l, f, a, head, form);
            a->args[a->pub.nargs++] = var;
        }
    }
}

/* Whose input it takes is proved by check_flow.c: that it is a sensitive one. */
static void read_code(struct loader *l, const struct menu_file *f, struct action *a,
                      const struct head *h)
{
    a->code = NONE;
    if (!h->code_line)
        return;
    a->code = menu_find_var(l->m, h->code);
    if (a->code == NONE)
        report_add(l->r, f->name, h->code_line, "unknown variable \"%" STR_FMT "\" in code",
                   STR_ARG(h->code));
    else
        l->m->vars[a->code].used = true;
    for (size_t i = 0; i < a->pub.nargs; i++)
        if (a->args[i] == a->code)
            fault_at(l, f, h->code_line, "S5: the code is no argument");
}

static size_t read_words(struct loader *l, struct str list, struct str *words, size_t max)
{
    struct str word;
    size_t n = 0;

    while (n < max && (word = next_word(&list)).n)
        words[n++] = load_keep(l, word);
    return n;
}

/* $1..$nargs must each appear, and none above. */
static void check_params(struct loader *l, const struct menu_file *f, const struct action *a)
{
    unsigned seen = 0;
    const char *p = a->pub.sql;

    while ((p = strchr(p, '$')) != NULL) {
        unsigned long no = strtoul(++p, NULL, 10);

        if (no < 1 || no > a->pub.nargs)
            report_add(l->r, f->name, 0, "parameter $%lu, but %zu args", no, a->pub.nargs);
        else
            seen |= 1u << no;
    }
    for (size_t no = 1; no <= a->pub.nargs; no++)
        if (!(seen & 1u << no))
            report_add(l->r, f->name, 0, "arg %zu (\"%" STR_FMT "\") is not used as $%zu", no,
                       STR_ARG(l->m->vars[a->args[no - 1]].name), no);
}

static void read_lane(struct loader *l, const struct menu_file *f, struct action *a,
                      struct str lane)
{
    static const char *const lanes[] = {"read", "write", "slow"};

    for (size_t i = 0; i < ARRAY_LEN(lanes); i++)
        if (str_eq_c(lane, lanes[i])) {
            a->pub.lane = (enum menu_lane)i;
            return;
        }
    fault_at(l, f, 1, "needs \"-- lane: read|write|slow\"");
}

static void read_action(struct loader *l, const struct menu_file *f, struct action *a)
{
    struct head head = {0};
    struct str rest = f->bytes, line = STR_EMPTY, body = f->bytes;
    unsigned no = 0;

    while (rest.p && str_starts(rest, STR("--"))) {
        str_split(&rest, '\n', &line);
        read_head_line(&head, line, ++no);
        body = rest.p ? rest : STR_EMPTY;
    }
    body = str_trim(body);
    if (str_ends(body, STR(";")))
        body = str_trim(str_head(body, body.n - 1));
    if (!body.n || memchr(body.p, ';', body.n) || memchr(body.p, '\0', body.n)) {
        fault_at(l, f, 0, "must hold exactly one statement");
        body = STR("select");
    }
    body = load_keep(l, body);
    a->pub.sql = body.p;
    a->pub.sql_len = body.n;
    read_lane(l, f, a, head.lane);
    read_running(l, f, a, &head);
    read_args(l, f, a, &head);
    read_code(l, f, a, &head);
    a->ncols = read_words(l, head.cols.p ? head.cols : STR_EMPTY, a->cols, ARRAY_LEN(a->cols));
    a->noutcomes = read_words(l, head.outcomes.p ? head.outcomes : STR_EMPTY, a->outcomes,
                              ARRAY_LEN(a->outcomes));
    check_params(l, f, a);
}

void load_actions(struct loader *l)
{
    for (size_t i = 0; i < l->nfiles; i++) {
        struct str name = str_c(l->files[i].name);
        struct action *a = &l->m->actions[l->m->nactions];

        if (!str_starts(name, STR("actions/")) || !str_ends(name, STR(".sql")))
            continue;
        if (l->m->nactions == ACTIONS_MAX) {
            fault_at(l, &l->files[i], 0, "too many actions");
            return;
        }
        a->file = load_keep(l, name).p;
        a->pub.name = load_keep(l, str_skip(str_head(name, name.n - 4), 8)).p;
        a->pub.no = l->m->nactions++;
        read_action(l, &l->files[i], a);
    }
}

int load_action_ref(struct loader *l, const struct node *n, struct str name)
{
    if (!n->json)
        return NONE;
    for (size_t i = 0; i < l->m->nactions; i++)
        if (str_eq_c(name, l->m->actions[i].pub.name)) {
            l->m->actions[i].used = true;
            return (int)i;
        }
    load_fault(l, n->path, "unknown action \"%" STR_FMT "\" (actions/%" STR_FMT ".sql)",
               STR_ARG(name), STR_ARG(name));
    return NONE;
}
